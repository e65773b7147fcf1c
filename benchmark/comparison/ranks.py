"""Ranks that admit ties: rows that cannot be told apart share a range of places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results import RankRange
from ..statistics import Aggregate
from .paired import Block, PairedTests, paired_tests

__all__ = ["holm", "rank_rows"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MOST_MISSING = 0.05
"""Share of the queries that a row may lack and still be ranked; what it lacks is taken from all rows."""


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
