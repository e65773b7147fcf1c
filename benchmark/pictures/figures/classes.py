"""Differences between two rows, class by class: what did a change help, and what did it hurt?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from scipy import stats

from ...results import BoardRow, Column, Score, Section, class_label
from ..style import INK, tidy
from .style import (
    Control,
    Drawing,
    View,
    for_matplotlib,
    for_plotly,
    number,
    row_name,
    shortened,
    with_network,
)

__all__ = ["ClassDifference", "class_differences", "classes_drawing", "pairs_of"]

_UP, _DOWN = "#0072b2", "#d55e00"
_MOST_PAIRS = 40
_MOST_CLASSES = 30  # half of them where the first row is better, half where the second is
_FEWEST = 5  # queries of a class, for an interval
_VISIBLE = 0.005  # percentage points; less is rounding


@dataclass(frozen=True)
class ClassDifference:
    """How far two rows are apart on one class, over the same queries.

    Attributes:
        mean: first minus second, in percentage points.
        reach: half the length of its 95 % t interval; NaN for fewer than five queries.
        queries: of the class.
    """

    class_index: int
    mean: float
    reach: float
    queries: int


def class_differences(
    first: NDArray[np.float32], second: NDArray[np.float32], class_index: NDArray[np.int64]
) -> list[ClassDifference]:
    """Compare two rows class by class, largest difference in favour of the first one first.

    Args:
        first: (N,) values of a metric, in percent; NaN is left out.
        second: (N,) those of the other row.
        class_index: (N,) of the same queries.
    """
    differences = first.astype(np.float64) - second.astype(np.float64)
    there = ~np.isnan(differences)
    differences, classes = differences[there], class_index[there]
    present, place = np.unique(classes, return_inverse=True)
    counts = np.bincount(place, minlength=len(present))
    means = np.bincount(place, differences, minlength=len(present)) / np.maximum(counts, 1)
    spread = np.bincount(place, (differences - means[place]) ** 2, minlength=len(present))
    enough = counts >= _FEWEST
    freedom = np.where(enough, counts - 1, 1)
    errors = np.sqrt(spread / freedom / np.maximum(counts, 1))
    reaches = np.where(enough, stats.t.ppf(0.975, freedom) * errors, np.nan)
    found = [
        ClassDifference(int(index), float(mean), float(reach), int(count))
        for index, mean, reach, count in zip(present, means, reaches, counts, strict=True)
    ]
    return sorted(found, key=lambda one: -one.mean)


def pairs_of(section: Section, column: Column) -> list[tuple[BoardRow, BoardRow]]:
    """Choose the pairs of rows worth comparing, at most forty.

    First each checkpoint against the baseline of its architecture under the same attribution, then the best
    row under each attribution against the best one of all, then all others against the best. Pairs that agree
    on every query are left out.
    """
    rows = [row for row in with_network(section) if column.metric in row.values]
    rows = [row for row in rows if len(row.values[column.metric]) == len(section.class_index)]
    sign = 1 if column.higher_is_better else -1
    rows.sort(key=lambda row: -sign * _value(row, column))
    baselines = {(row.architecture, row.attribution): row for row in rows if row.training == "baseline"}
    pairs = [
        (row, baselines[row.architecture, row.attribution])
        for row in rows
        if row.training != "baseline" and (row.architecture, row.attribution) in baselines
    ][: _MOST_PAIRS // 2]
    best_of = {row.attribution: row for row in reversed(rows)}
    others = [row for row in rows if row is best_of[row.attribution]]
    others += [row for row in rows if row is not best_of[row.attribution]]
    known = {(first.key, second.key) for first, second in pairs}
    pairs += [(rows[0], row) for row in others if row is not rows[0] and (rows[0].key, row.key) not in known]
    return [pair for pair in pairs if _differ(*pair, column.metric)][:_MOST_PAIRS]


def _differ(first: BoardRow, second: BoardRow, metric: str) -> bool:
    """Say whether there is anything to see: two forms of Grad-CAM agree on networks that average."""
    differences = first.values[metric].astype(np.float64) - second.values[metric]
    return bool((np.abs(differences) >= _VISIBLE).any())


def _value(row: BoardRow, column: Column) -> float:
    value = row.scores.get(column.metric, Score()).value
    return -math.inf if math.isnan(value) else value


def classes_drawing(section: Section) -> Drawing | None:
    """Plot the classes on which two rows differ most; None if there are no two rows on the same queries."""
    columns = [column for column in section.columns if not column.about_checkpoint]
    labels: dict[str, None] = {}
    found = []
    for at, column in enumerate(columns):
        for first, second in pairs_of(section, column):
            label = f"{row_name(first)} minus {row_name(second)}"
            labels.setdefault(label)
            values = first.values[column.metric], second.values[column.metric]
            differences = class_differences(*values, section.class_index)
            found.append((at, label, differences))
    if not found:
        return None
    options = tuple(labels)
    chosen = _default(found, columns)
    views = sorted(
        (_view(section, (at, options.index(label)), columns[at], diffs) for at, label, diffs in found),
        key=lambda view: (view.at != (chosen[0], options.index(chosen[1])), view.at),
    )
    title = "Differences by class"
    return Drawing(
        key="classes",
        title=title,
        description=(
            "The classes on which two rows differ most, over the same queries, in percentage points: blue "
            "bars to the right where the first row is better, orange bars to the left where the second is. "
            "Whiskers are 95 % t intervals, for classes of five queries or more; among many classes a few "
            f"reach beyond theirs by chance. {_in_words(section, columns[chosen[0]], chosen[1], chosen[2])}"
        ),
        controls=(
            Control("metric", tuple(column.label for column in columns)),
            Control("rows", tuple(shortened(label, 120) for label in options)),
        ),
        views=tuple(views),
        static=_static(section, columns[chosen[0]], chosen[1], chosen[2]),
    )


_Found = tuple[int, str, list[ClassDifference]]


def _default(found: Sequence[_Found], columns: Sequence[Column]) -> _Found:
    """Choose what is shown first: of the last metric, which has the finest values, the first pair."""
    last = max(at for at, _, _ in found)
    return next(one for one in found if one[0] == last)


def _largest(differences: Sequence[ClassDifference]) -> list[ClassDifference]:
    """Return the classes to show: all of them, or the ends of the order."""
    if len(differences) <= _MOST_CLASSES:
        return list(differences)
    half = _MOST_CLASSES // 2
    return [*differences[:half], *differences[-half:]]


def _view(
    section: Section, at: tuple[int, ...], column: Column, differences: Sequence[ClassDifference]
) -> View:
    """Draw bars, the largest on top, for plotly; places are numbers, since class names may repeat."""
    shown = _largest(differences)[::-1]
    names = [for_plotly(class_name(section, one.class_index), 26) for one in shown]
    bars: dict[str, Any] = {
        "type": "bar",
        "orientation": "h",
        "x": [number(one.mean, 1) for one in shown],
        "marker": {"color": [_UP if one.mean >= 0 else _DOWN for one in shown]},
        "error_x": {
            "type": "data",
            "array": [number(one.reach, 1) for one in shown],
            "color": "#888888",
            "thickness": 1.3,
            "width": 3,
        },
        "customdata": [one.queries for one in shown],
        "hovertemplate": "%{x:+.1f} points<br>%{customdata} queries<extra></extra>",
    }
    axes: dict[str, Any] = {
        "xaxis": {"title": {"text": f"{column.label}, first row minus second (points)"}, "zeroline": True},
        "yaxis": {
            "tickvals": list(range(len(shown))),
            "ticktext": names,
            "showgrid": False,
            "range": [-0.7, len(shown) - 0.3],
        },
    }
    return View(at, [bars], {"height": 110 + 19 * len(shown), "showlegend": False, **axes})


def class_name(section: Section, index: int) -> str:
    """Return the label of a class of a section; its id in the records if there is no label."""
    name = str(section.class_names.get(index, index))
    return class_label(section.rows[0].folder, index, name) if section.rows else name


def _in_words(section: Section, column: Column, label: str, differences: Sequence[ClassDifference]) -> str:
    def worded(chosen: Sequence[ClassDifference]) -> str:
        return ", ".join(f"{class_name(section, one.class_index)} {one.mean:+.1f}" for one in chosen)

    ups = [one for one in differences[:3] if one.mean > 0]
    downs = [one for one in differences[::-1][:3] if one.mean < 0]
    parts = [
        f"{word}: {worded(chosen)}" for word, chosen in (("most gained", ups), ("most lost", downs)) if chosen
    ]
    return f"For {column.label} and {shortened(label, 120)}, {'; '.join(parts) or 'no class differs'}."


def _static(section: Section, column: Column, label: str, differences: Sequence[ClassDifference]) -> Figure:
    """Draw the view that is shown first for paper."""
    shown = _largest(differences)
    layout = ConstrainedLayoutEngine()
    figure = Figure(figsize=(6.4, 1.5 + 0.22 * len(shown)), layout=layout, facecolor="white")
    axes = figure.subplots()
    for place, one in enumerate(shown):
        axes.barh(place, one.mean, height=0.75, color=_UP if one.mean >= 0 else _DOWN)
        if not math.isnan(one.reach):
            ends = [one.mean - one.reach, one.mean + one.reach]
            axes.plot(ends, [place, place], color=INK, linewidth=1)
    names = [for_matplotlib(class_name(section, one.class_index), 26) for one in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.axvline(0, color="#999999", linewidth=0.8)
    axes.set_xlabel(f"{column.label}, first row minus second (points)", fontsize=11, color=INK)
    first, _, second = label.partition(" minus ")
    axes.set_title(f"{for_matplotlib(first)}\nminus {for_matplotlib(second)}", fontsize=11, color=INK)
    tidy(axes, grid="x")
    axes.tick_params(labelsize=9)
    return figure
