"""Differences between two rows, class by class: what did a change help, and what did it hurt?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...results import BoardRow, Column, Score, Section, class_label
from ..drawing.panels import Axis, Bar, Bars, Panel
from ..drawing.style import BLUE, Look, shortened
from .drawing import Control, Drawing, map_columns, row_name, with_network

_UP, _DOWN = Look(BLUE), Look("#d55e00")
_MOST_PAIRS = 40
_MOST_CLASSES = 30  # half of them where the first row is better, half where the second is
_FEWEST = 5  # queries of a class, for an interval
_VISIBLE = 5e-5  # of the range of the values; less is rounding


class ClassDifference(NamedTuple):
    """How far two rows are apart on one class, over the same queries.

    Attributes:
        mean: first minus second, in the unit of the metric.
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
        first: (N,) values of a metric; NaN is left out.
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
    return [pair for pair in pairs if _differ(*pair, column)][:_MOST_PAIRS]


def _differ(first: BoardRow, second: BoardRow, column: Column) -> bool:
    """Say whether there is anything to see: two forms of a method may agree on networks that average."""
    differences = np.abs(first.values[column.metric].astype(np.float64) - second.values[column.metric])
    low, high = column.bounds
    span = high - low if math.isfinite(high - low) else 1.0
    return bool((differences >= _VISIBLE * span).any())


def _value(row: BoardRow, column: Column) -> float:
    value = row.scores.get(column.metric, Score()).value
    return -math.inf if math.isnan(value) else value


def classes_drawing(section: Section) -> Drawing | None:
    """Plot the classes on which two rows differ most; None if there are no two rows on the same queries."""
    columns = map_columns(section)
    labels: dict[str, int] = {}
    found: dict[tuple[int, int], tuple[str, list[ClassDifference]]] = {}
    for at, column in enumerate(columns):
        for first, second in pairs_of(section, column):
            label = f"{row_name(first)}\nminus {row_name(second)}"
            values = first.values[column.metric], second.values[column.metric]
            differences = class_differences(*values, section.class_index)
            found[at, labels.setdefault(label, len(labels))] = (label, differences)
    if not found:
        return None
    # of the last metric, which has the finest values, the first pair is shown first
    last = max(at for at, _ in found)
    chosen = next(at for at in found if at[0] == last)
    panels = {
        at: _panel(section, columns[at[0]], *found[at]) for at in (chosen, *sorted({*found} - {chosen}))
    }
    return Drawing(
        key="classes",
        title="Differences by class",
        description=(
            "The classes on which two rows differ most, over the same queries: blue bars to the right where "
            "the first row has more, orange bars to the left where the second has. Whiskers are 95 % t "
            "intervals, for classes of five queries or more; among many classes a few reach beyond theirs by "
            f"chance. {_in_words(section, columns[chosen[0]], *found[chosen])}"
        ),
        controls=(
            Control("metric", tuple(column.label for column in columns)),
            Control("rows", tuple(shortened(label, 120) for label in labels)),
        ),
        panels=panels,
        printed=(panels[chosen],),
        heading=section.title,
    )


def _panel(section: Section, column: Column, label: str, differences: Sequence[ClassDifference]) -> Panel:
    """Return bars, the largest on top; places are numbers, since class names may repeat."""
    half = _MOST_CLASSES // 2
    shown = [*differences]
    if len(shown) > _MOST_CLASSES:
        shown = [*shown[:half], *shown[-half:]]
    bars = [
        Bar(
            place,
            (one.mean - one.reach, one.mean, one.mean + one.reach),
            _UP if one.mean >= 0 else _DOWN,
            remark=f"{one.queries} queries",
        )
        for place, one in enumerate(shown)
    ]
    unit = "points" if column.unit == "percent" else column.unit
    return Panel(
        Axis(f"{column.label}, first row minus second" + (f" ({unit})" if unit != "none" else "")),
        Axis.of_rows([shortened(_class_name(section, one.class_index), 26) for one in shown]),
        (Bars(tuple(bars)),),
        pixels=110 + 19 * len(shown),
        inches=(6.4, 0.9 + 0.22 * len(shown)),
        heading="\n".join(shortened(line) for line in label.split("\n")),
    )


def _class_name(section: Section, index: int) -> str:
    """Return the label of a class; its id in the records if there is no label."""
    return class_label(section.rows[0].folder, section.class_names.get(index, str(index)))


def _in_words(section: Section, column: Column, label: str, differences: Sequence[ClassDifference]) -> str:
    ups = [one for one in differences[:3] if one.mean > 0]
    downs = [one for one in differences[::-1][:3] if one.mean < 0]
    parts = [
        f"{word}: " + ", ".join(f"{_class_name(section, one.class_index)} {one.mean:+.3g}" for one in chosen)
        for word, chosen in (("most gained", ups), ("most lost", downs))
        if chosen
    ]
    return f"For {column.label} and {shortened(label, 120)}, {'; '.join(parts) or 'no class differs'}."
