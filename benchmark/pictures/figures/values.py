"""How the values of each row are spread: a mean of 60 may be all 60, or half 100 and half 20."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...results import BoardRow, Column, Section
from ..drawing.panels import MANY, Axis, Panel, Spread, Strips
from ..drawing.style import axis_title, shortened
from .drawing import Control, Drawing, map_columns, row_name, span_of

_BINS = 20
_PERCENT = np.linspace(0, 100, _BINS + 1)
_MOST_ON_PAPER = 48
_HIGHEST = 99  # percentile of the values where the scale of a metric without a bound ends

Spreads = list[tuple[BoardRow, Spread]]


def spread_of(values: NDArray[np.float32], edges: NDArray[np.float64] = _PERCENT) -> Spread | None:
    """Count values (N,) between edges; one on an edge counts above it, those outside in the last bin there.

    Returns:
        None if there is no value but NaN.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    counts, _ = np.histogram(values.clip(edges[0], edges[-1]), bins=edges)
    low, median, high = np.percentile(values, [25, 50, 75])
    mean = float(values.mean(dtype=np.float64))
    return Spread(100 * counts / len(values), (float(low), float(median), float(high)), mean, len(values))


def values_drawing(section: Section) -> Drawing | None:
    """Plot the spread of each row's values; None if no metric says more than hit or miss."""
    found = [(column, *_spreads(section, column)) for column in map_columns(section)]
    found = [one for one in found if one[2]]
    words = " ".join(_in_words(column, spreads) for column, _, spreads in found)
    title = "Spread of the values per image"
    return (
        Drawing(
            key="values",
            title=title,
            description=(
                "A strip for each row, the best mean on top: the darker, the more images have a value there. "
                "The bar spans the middle half of the images, the disc is their median, the diamond their "
                f"mean. {words}"
            ),
            controls=(Control("metric", tuple(column.label for column, _, _ in found)),),
            panels={(at,): _panel(*one) for at, one in enumerate(found)},
            printed=tuple(_panel(column, edges, rows[:_MOST_ON_PAPER]) for column, edges, rows in found),
            heading=f"{title}: {section.title}",
        )
        if found
        else None
    )


def _spreads(section: Section, column: Column) -> tuple[NDArray[np.float64], Spreads]:
    """Return bins, and the spreads of all rows by their mean; none for a metric of hits and misses."""
    values = {row: row.values[column.metric] for row in section.rows if column.metric in row.values}
    there = [found[~np.isnan(found)] for found in values.values() if not np.isnan(found).all()]
    ends = [float(end) for found in there for end in np.percentile(found, (0, _HIGHEST))]
    low, high = span_of(column, ends)
    edges = np.linspace(low, high, _BINS + 1)
    if not any(((found > low) & (found < high)).any() for found in there):
        return edges, []
    pairs = [(row, spread_of(found, edges)) for row, found in values.items()]
    sign = -1 if column.higher_is_better else 1
    known = [(row, spread) for row, spread in pairs if spread is not None]
    return edges, sorted(known, key=lambda pair: sign * pair[1].mean)


def _panel(column: Column, edges: NDArray[np.float64], spreads: Spreads) -> Panel:
    """Return strips; names stand on a line each for checkpoint and method if there is room."""
    roomy = len(spreads) <= MANY
    ticks = [row_name(row, "\n" if roomy else " · ") for row, _ in spreads]
    names, found = zip(*((row_name(row), spread) for row, spread in spreads), strict=True)
    margin = 0.015 * float(edges[-1] - edges[0])
    limits = (float(edges[0]) - margin, float(edges[-1]) + margin)
    return Panel(
        Axis(axis_title(column, " of an image"), limits=limits),
        Axis.of_rows(["\n".join(shortened(part, 40) for part in tick.split("\n")) for tick in ticks]),
        (Strips(edges, names, found),),
        pixels=130 + (32 if roomy else 13) * len(spreads),
        inches=(5.4, 1.0 + (0.34 if roomy else 0.2) * len(spreads)),
    )


def _in_words(column: Column, spreads: Spreads) -> str:
    parts = [
        f"{shortened(row_name(row), 80)} has a median of {spread.quartiles[1]:.3g} with the middle half from "
        f"{spread.quartiles[0]:.3g} to {spread.quartiles[2]:.3g}"
        for row, spread in (spreads[:1] + spreads[1:][-1:])
    ]
    return f"{column.label}: {'; '.join(parts)}."
