"""How the per-image values of each row are spread: a mean of 60 may be all 60, or half 100 and half 20."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ...results import NO_CHECKPOINT, BoardRow, Column, Section
from ..style import INK, tidy
from .style import Control, Drawing, View, for_matplotlib, for_plotly, number, row_name, shortened

__all__ = ["Spread", "spread_of", "values_drawing"]

_BINS = 20
_EDGES = np.linspace(0, 100, _BINS + 1)
_BLUE, _ORANGE = "#0072b2", "#d55e00"
_MOST_ON_PAPER = 48
_DARKEST = 40  # percent of the images in one bin, from which on a strip gets no darker


@dataclass(frozen=True, eq=False)
class Spread:
    """The values of a row in short.

    Attributes:
        shares: (20,) percent of the queries in each twentieth of 0 to 100.
        quartiles: the lower one, the median, the upper one.
        mean: over queries, whatever the section's aggregate.
        queries: with a value.
    """

    shares: NDArray[np.float64]
    quartiles: tuple[float, float, float]
    mean: float
    queries: int


def spread_of(values: NDArray[np.float32]) -> Spread | None:
    """Count values (N,) in percent; a value on an edge counts above it, 100 in the last bin, NaN not at all.

    Returns:
        None if there is no value.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    counts, _ = np.histogram(values.clip(0, 100), bins=_EDGES)
    low, median, high = np.percentile(values, [25, 50, 75])
    shares = 100 * counts / len(values)
    mean = float(values.mean(dtype=np.float64))
    return Spread(shares, (float(low), float(median), float(high)), mean, len(values))


_Spreads = list[tuple[BoardRow, Spread]]


def values_drawing(section: Section) -> Drawing | None:
    """Plot the spread of each row's values; None if no metric has more than the values 0 and 100."""
    columns, found = [], []
    for column in section.columns:
        spreads = _spreads(section, column)
        if spreads and not column.about_checkpoint:
            columns.append(column)
            found.append(spreads)
    if not columns:
        return None
    title = "Spread of the values per image"
    shown = list(zip(columns, found, strict=True))
    return Drawing(
        key="values",
        title=title,
        description=(
            "A strip for each row, the highest mean on top: the darker, the more images have a value there. "
            "The bar spans the middle half of the images, the disc is their median, the diamond their mean. "
            + " ".join(_in_words(column, spreads) for column, spreads in shown)
        ),
        controls=(Control("metric", tuple(column.label for column in columns)),),
        views=tuple(_view((at,), column, spreads) for at, (column, spreads) in enumerate(shown)),
        static=_static(section, shown),
    )


def _spreads(section: Section, column: Column) -> _Spreads:
    """Return the spreads of all rows by descending mean; none for a metric that only says hit or miss."""
    rows = [row for row in section.rows if column.metric in row.values]
    if all(_two_valued(row.values[column.metric]) for row in rows):
        return []
    pairs = [(row, spread_of(row.values[column.metric])) for row in rows]
    there = [(row, spread) for row, spread in pairs if spread is not None]
    sign = -1 if column.higher_is_better else 1
    return sorted(there, key=lambda pair: sign * pair[1].mean)


def _two_valued(values: NDArray[np.float32]) -> bool:
    return not ((values > 0) & (values < 100)).any()


def _view(at: tuple[int, ...], column: Column, spreads: _Spreads) -> View:
    """Draw strips as a heat map for plotly, from clear to blue, which suits light and dark pages alike."""
    places = list(range(len(spreads)))
    roomy = len(spreads) <= 40
    names = [_tick_name(row, roomy=roomy) for row, _ in spreads]
    strips: dict[str, Any] = {
        "type": "heatmap",
        "x": [number(edge + 2.5, 1) for edge in _EDGES[:-1]],
        "y": places,
        "z": [[number(share, 1) for share in spread.shares] for _, spread in spreads],
        "colorscale": [[0, "rgba(0,114,178,0)"], [0.25, "rgba(0,114,178,0.55)"], [1, "rgba(0,114,178,1)"]],
        "zmin": 0,
        "zmax": _DARKEST,
        "showscale": False,
        "hoverinfo": "skip",
        "ygap": 2 if len(spreads) <= 60 else 1,
    }
    per_row = 32 if roomy else 13
    ticks = {"tickvals": places, "ticktext": names, "tickfont": {"size": 11 if roomy else 9}}
    axes = {
        "xaxis": {"title": {"text": f"{column.label} of an image (%)"}, "range": [-1.5, 101.5]},
        "yaxis": {**ticks, "range": [len(spreads) - 0.4, -0.6], "showgrid": False, "zeroline": False},
    }
    return View(at, [strips, *_marks(spreads)], {"height": 130 + per_row * len(spreads), **axes})


def _tick_name(row: BoardRow, *, roomy: bool) -> str:
    """Name a row beside its strip: checkpoint and method on a line each if there is room."""
    if not roomy:
        return for_plotly(row_name(row), 40)
    parts = [row.attribution] if row.checkpoint == NO_CHECKPOINT else [row.checkpoint, row.attribution]
    return "<br>".join(for_plotly(part, 28) for part in parts)


def _marks(spreads: _Spreads) -> list[dict[str, Any]]:
    """Draw quartiles, median and mean of each row."""
    quartiles = [spread.quartiles for _, spread in spreads]
    hover = [
        f"<b>{for_plotly(row_name(row), 80)}</b><br>"
        f"mean {spread.mean:.1f}, median {spread.quartiles[1]:.1f}<br>"
        f"middle half {spread.quartiles[0]:.1f} to {spread.quartiles[2]:.1f}<br>{spread.queries} queries"
        for row, spread in spreads
    ]
    common: dict[str, Any] = {"type": "scatter", "mode": "markers", "y": list(range(len(spreads)))}
    common |= {"hovertext": hover, "hoverinfo": "text"}
    rim = {"color": "white", "width": 1}
    median = {
        **common,
        "name": "median and middle half",
        "x": [number(middle, 1) for _, middle, _ in quartiles],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [number(high - middle, 1) for _, middle, high in quartiles],
            "arrayminus": [number(middle - low, 1) for low, middle, _ in quartiles],
            "color": "#888888",
            "thickness": 2,
            "width": 0,
        },
        "marker": {"color": "#888888", "size": 8, "line": rim},
    }
    mean = {
        **common,
        "name": "mean",
        "x": [number(spread.mean, 1) for _, spread in spreads],
        "marker": {"color": _ORANGE, "size": 8, "symbol": "diamond", "line": rim},
    }
    return [median, mean]


def _in_words(column: Column, spreads: _Spreads) -> str:
    """Describe the first and the last row."""
    parts = [
        f"{shortened(row_name(row), 80)} has a median of {spread.quartiles[1]:.1f} with the middle half from "
        f"{spread.quartiles[0]:.1f} to {spread.quartiles[2]:.1f}"
        for row, spread in dict.fromkeys((spreads[0], spreads[-1]))
    ]
    return f"{column.label}: {'; '.join(parts)}."


def _static(section: Section, shown: Sequence[tuple[Column, _Spreads]]) -> Figure:
    """Draw a panel per metric for paper; of many rows, those with the highest means."""
    deepest = min(_MOST_ON_PAPER, max(len(spreads) for _, spreads in shown))
    size = (5.6 * len(shown), 1.4 + 0.26 * deepest)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.05), facecolor="white")
    for axes, (column, spreads) in zip(
        figure.subplots(1, len(shown), squeeze=False).ravel(), shown, strict=True
    ):
        _draw_panel(axes, column, spreads[:_MOST_ON_PAPER])
    rows = len(shown[0][1])
    more = f" (the {_MOST_ON_PAPER} highest of {rows} rows)" if rows > _MOST_ON_PAPER else ""
    figure.suptitle(for_matplotlib(section.title, 80) + more, fontsize=13, color=INK)
    median = Line2D([], [], marker="o", color=INK, label="median and middle half")
    mean = Line2D([], [], marker="D", linestyle="none", color=_ORANGE, label="mean")
    figure.legend(handles=[median, mean], loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    return figure


def _draw_panel(axes: Axes, column: Column, spreads: _Spreads) -> None:
    colours = LinearSegmentedColormap.from_list("strips", ["white", "#80b8d8", _BLUE])
    strips = np.stack([spread.shares for _, spread in spreads])
    axes.pcolormesh(_EDGES, np.arange(len(spreads) + 1) - 0.5, strips, cmap=colours, vmin=0, vmax=_DARKEST)
    for place, (_, spread) in enumerate(spreads):
        low, median, high = spread.quartiles
        axes.axhline(place + 0.5, color="white", linewidth=1.5)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.4)
        for value, marker, colour in ((median, "o", INK), (spread.mean, "D", _ORANGE)):
            (mark,) = axes.plot([value], [place], marker, color=colour, markersize=5, zorder=3)
            mark.set(markeredgecolor="white", clip_on=False)
    axes.set_yticks(range(len(spreads)), [for_matplotlib(row_name(row), 40) for row, _ in spreads])
    axes.set_ylim(len(spreads) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"{column.label} of an image (%)", fontsize=11, color=INK)
    tidy(axes, grid="x")
    axes.tick_params(labelsize=9)
