"""Shares of hits at the threshold that is best for a whole set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .rules import rule

__all__ = ["best_threshold"]

Floats = NDArray[np.float64]

_LEVELS = 255


def _settled(sums: Floats) -> Callable[[Floats], Floats]:
    """Return the rule with the thresholds that are best for some sums (K,).

    That is what it does for all sums near these: of a maximum only the greatest has a share in its change.
    Of equally good ones the first is taken.
    """
    chosen = sums[:-1].reshape(-1, _LEVELS).argmax(axis=1)

    def compute(others: Floats) -> Floats:
        hits = others[..., :-1].reshape(*others.shape[:-1], -1, _LEVELS)
        return _percent(hits[..., np.arange(len(chosen)), chosen], others)

    return compute


@rule("best_threshold", settled=_settled)
def best_threshold(sums: Floats) -> Floats:
    """Turn (..., 255 D + 1) hits at each threshold, for D criteria, and the queries, into (...) percent.

    The share of hits at each criterion's best threshold, averaged; NaN where there is no query.
    """
    return _percent(sums[..., :-1].reshape(*sums.shape[:-1], -1, _LEVELS).max(axis=-1), sums)


def _percent(hits: Floats, sums: Floats) -> Floats:
    queries = sums[..., -1]
    share = np.divide(hits.mean(axis=-1), queries, out=np.full_like(queries, np.nan), where=queries > 0)
    found: Floats = 100 * share
    return found
