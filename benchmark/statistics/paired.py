"""Do rows that were measured on the same queries differ, and which places may each of them hold?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .facts import Aggregate
from .intervals import p_values
from .spread import Spread, deviations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ENOUGH = 64
"""Images from which on it no longer matters how many differ; see `p_values`."""

_MOST_MISSING = 0.05
"""Share of the queries that a row may lack and still be ranked; what it lacks is taken from all rows."""


@dataclass(frozen=True, eq=False)
class Block:
    """One metric of R rows, measured on the same Q queries.

    Attributes:
        values: (R, Q), one per row and query; none is NaN.
        images: (Q,), index of the query's image.
        classes: (Q,), index of the query's class for a mean over classes; None for a mean over queries.
    """

    values: NDArray[np.floating[Any]]
    images: Integers
    classes: Integers | None = None


@dataclass(frozen=True, eq=False)
class PairedTests:
    """All pairs of R rows, in the metric's unit; entry (i, j) is about row i less row j.

    Attributes:
        means: (R,), the value of each row.
        difference: (R, R), of the values.
        spread: of the differences: arrays (R, R).
        p_value: (R, R), two-sided, not corrected for the number of pairs; 1 on the diagonal.
    """

    means: Floats
    difference: Floats
    spread: Spread
    p_value: Floats


def paired_tests(block: Block) -> PairedTests:
    """Test each pair of rows for a difference; see `p_values`. A block without queries gives NaN and 1."""
    rows = len(block.values)
    if not len(block.images):
        nothing = np.full((rows, rows), np.nan)
        return PairedTests(
            np.full(rows, np.nan), nothing, Spread(nothing, nothing, 0.0), np.ones((rows, rows))
        )
    found = deviations(block.values, block.images, block.classes)
    difference = found.means[:, None] - found.means[None, :]
    spread = found.of_pairs()
    return PairedTests(found.means, difference, spread, p_values(difference, spread, differing_images(block)))


def differing_images(block: Block) -> Integers:
    """Count, for each pair of rows, the images on which they differ, up to 64: (R, R).

    Beyond that a sign test is certain for all purposes, and counting would take longer than all else.
    """
    _, image, sizes = np.unique(block.images, return_inverse=True, return_counts=True)
    enough = _ENOUGH * int(sizes.max(initial=1))
    counts = np.zeros((len(block.values),) * 2, dtype=np.int64)
    for row, values in enumerate(block.values):
        for other in range(row + 1, len(block.values)):
            counts[row, other] = _differing(values, block.values[other], image, enough)
    return counts + counts.T


def _differing(first: NDArray[Any], second: NDArray[Any], image: Integers, enough: int) -> int:
    """Count images on which two rows (Q,) differ, up to `_ENOUGH`: `enough` queries make as many."""
    for stop in (4096, len(image)):  # rows mostly differ everywhere: their first queries tell
        differ = first[:stop] != second[:stop]
        if np.count_nonzero(differ) >= enough:
            return _ENOUGH
    return min(_ENOUGH, len(np.unique(image[differ])))


class RankRange(NamedTuple):
    """The places that a row may hold, from 1: `best` to `worst`, equal where no row is tied with it."""

    best: int
    worst: int

    def __str__(self) -> str:
        """Write `3`, or `2–4`."""
        return str(self.best) if self.best == self.worst else f"{self.best}\N{EN DASH}{self.worst}"


def rank_rows(
    values: Mapping[str, NDArray[np.floating[Any]]],
    images: NDArray[Any],
    classes: NDArray[np.integer[Any]],
    *,
    aggregates: Mapping[str, Aggregate],
    higher_is_better: Mapping[str, bool] | None = None,
    alpha: float = 0.05,
) -> dict[str, list[RankRange | None]]:
    """Rank rows that were measured on the same queries, for each metric on its own.

    All pairs of rows are tested, paired by images (see `paired_tests`), Holm-corrected over the pairs of the
    metric: among rows that do not differ, the chance that any two get separate places is at
    most `alpha`. A row's best place is 1 + the number of rows that are significantly better; its worst is
    the number of rows less those that are significantly worse.

    Args:
        values: by metric, (R, Q): one value per row and query. The metrics may have different rows. Float32
            is enough, and takes half the time and memory.
        images: (Q,), id of the query's image, text or integer.
        classes: (Q,), class index of the query.
        aggregates: by metric, how values become one number; `image_mean` is a mean over queries.
        higher_is_better: by metric; True where it says nothing.
        alpha: chance of a false difference that is accepted.

    Returns:
        By metric, R ranges in the order of the rows. None for a row that is not ranked: one that lacks (NaN)
        more than 5 % of the queries that any row has. A query that a ranked row lacks is left out for all.
    """
    better_up = higher_is_better or {}
    _, image = np.unique(np.asarray(images), return_inverse=True)
    ranges: dict[str, list[RankRange | None]] = {}
    for metric, found in values.items():
        ranked, there = _complete(found)
        ranges[metric] = [None] * len(found)
        by_class = np.asarray(classes)[there] if aggregates[metric] == "class_mean" else None
        tests = paired_tests(Block(found[ranked][:, there], image[there], by_class))
        places = _ranges(tests, higher_is_better=better_up.get(metric, True), alpha=alpha)
        for row, place in zip(np.flatnonzero(ranked), places, strict=True):
            ranges[metric][row] = place
    return ranges


def holm(p_values: Floats) -> Floats:
    """Correct p-values (M,) for their number by Holm's method: (M,), at most 1.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.maximum.accumulate(steps).clip(max=1.0)
    return corrected


def _complete(values: NDArray[np.floating[Any]]) -> tuple[Bools, Bools]:
    """Choose rows (R,) to rank, and queries (Q,) that all of them have, from values (R, Q)."""
    missing = np.isnan(values)
    known = ~missing.all(axis=0)
    lacks = (missing & known).sum(axis=1)
    rows: Bools = (lacks <= _MOST_MISSING * known.sum()) & known.any()
    queries: Bools = known & ~missing[rows].any(axis=0)
    return rows, queries


def _ranges(tests: PairedTests, *, higher_is_better: bool, alpha: float) -> list[RankRange]:
    rows = len(tests.difference)
    upper = np.triu_indices(rows, 1)
    differs = np.zeros((rows, rows), dtype=np.bool_)
    differs[upper] = holm(tests.p_value[upper]) <= alpha
    differs |= differs.T
    better = (tests.difference > 0) == higher_is_better
    worse_than = (differs & better).sum(axis=1)  # rows that this one is better than
    better_than = (differs & ~better).sum(axis=1)
    return [
        RankRange(1 + int(above), rows - int(below))
        for above, below in zip(better_than, worse_than, strict=True)
    ]
