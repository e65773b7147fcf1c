"""How far a mean over images may be off: the percentile bootstrap, for any value of additive statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Statistic", "bootstrap"]

Floats = NDArray[np.float64]

_DRAWS_AT_ONCE = 32  # bounds the dense (images, draws) array of resampling counts


class Estimate(NamedTuple):
    """A value with its 95 % interval; NaN where there is nothing to tell it from."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Statistic:
    """What a value is computed from.

    Attributes:
        per_image: (images, K), sparse, or dense where most of it is not 0; the sum over any images is
            sufficient for their value.
        compute: turns sums (..., K) into values (...).
    """

    per_image: Any  # a scipy.sparse.csr_array
    compute: Callable[[Floats], Floats]


def bootstrap(statistics: Sequence[Statistic], *, seed: int, draws: int) -> list[Estimate]:
    """Compute each statistic on all images, and its interval from `draws` resamples of the images.

    All statistics see the same resamples, and so does every other call with as many images and the same seed.
    One image alone gives no interval.
    """
    from scipy import sparse  # tables, which compute no interval, start sooner without it

    if not statistics:
        return []
    images = statistics[0].per_image.shape[0]
    if images == 0:
        return [Estimate(*[float("nan")] * 3) for _ in statistics]
    thin: list[Any] = [one.per_image for one in statistics if sparse.issparse(one.per_image)]
    joined = sparse.csr_array(sparse.hstack(thin).T) if thin else None
    drawn = [np.ones((images, 1)), *(_resamples(images, seed=seed, draws=draws) if images > 1 else ())]
    thin_sums = (
        np.concatenate([joined @ counts for counts in drawn], axis=1).T if joined is not None else None
    )
    estimates, start = [], 0
    for statistic in statistics:
        width = statistic.per_image.shape[1]
        if thin_sums is not None and sparse.issparse(statistic.per_image):
            sums = thin_sums[:, start : start + width]
            start += width
        else:  # most of it is filled: a product of dense matrices is ten times faster
            sums = np.concatenate([statistic.per_image.T @ counts for counts in drawn], axis=1).T
        value, *resampled = statistic.compute(sums)
        estimates.append(Estimate(float(value), *_interval(np.array(resampled))))
    return estimates


def _resamples(images: int, *, seed: int, draws: int) -> Iterator[Floats]:
    """Yield how often each image is drawn: arrays (images, columns) with `draws` columns in all."""
    generator = np.random.default_rng(seed)
    for start in range(0, draws, _DRAWS_AT_ONCE):
        width = min(_DRAWS_AT_ONCE, draws - start)
        counts = np.empty((images, width))
        for column in range(width):
            drawn = generator.integers(0, images, size=images)
            counts[:, column] = np.bincount(drawn, minlength=images)
        yield counts


def _interval(resampled: Floats) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of the values that are defined."""
    resampled = resampled[~np.isnan(resampled)]
    if not len(resampled):
        return float("nan"), float("nan")
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)
