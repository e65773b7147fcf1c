"""Shares of hits at the threshold that is best for a whole set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .rules import rule

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


def _halves(sums: Floats) -> tuple[Floats, Floats]:
    """Share of hits at each threshold (..., 2, D, 255), 0 in an empty half; and the queries (..., 2)."""
    halves = sums.reshape(*sums.shape[:-1], 2, -1)
    hits, queries = halves[..., :-1].reshape(*halves.shape[:-1], -1, _LEVELS), halves[..., -1]
    return hits / np.maximum(queries, 1)[..., None, None], queries


def _settled_by_other_half(sums: Floats) -> Callable[[Floats], Floats]:
    chosen = _halves(sums)[0][::-1].argmax(axis=-1)
    return lambda others: _mean_of_halves(*_halves(others), chosen)


@rule("threshold_of_other_half", settled=_settled_by_other_half)
def threshold_of_other_half(sums: Floats) -> Floats:
    """Turn two halves of (..., 255 D + 1) sums, as `best_threshold` reads them, into (...) percent.

    The share of hits in each half at the threshold that is best for the other half, the lowest if that is
    empty, averaged over criteria and over the halves that have queries; NaN where neither has.
    """
    shares, queries = _halves(sums)
    return _mean_of_halves(shares, queries, shares[..., ::-1, :, :].argmax(axis=-1))


def _mean_of_halves(shares: Floats, queries: Floats, chosen: NDArray[np.intp]) -> Floats:
    at = np.broadcast_to(chosen, shares.shape[:-1])[..., None]
    value = np.take_along_axis(shares, at, axis=-1)[..., 0].mean(axis=-1)
    there = queries > 0
    count = there.sum(axis=-1)
    found: Floats = 100 * np.where(count > 0, (value * there).sum(axis=-1) / np.maximum(count, 1), np.nan)
    return found


def _percent(hits: Floats, sums: Floats) -> Floats:
    queries = sums[..., -1]
    share = np.divide(hits.mean(axis=-1), queries, out=np.full_like(queries, np.nan), where=queries > 0)
    found: Floats = 100 * share
    return found
