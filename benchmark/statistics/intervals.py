"""How far a mean over images may be off: the percentile bootstrap, for any value of additive statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

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
        per_image: sparse (images, K); the sum over any images is sufficient for their value.
        compute: turns sums (..., K) into values (...).
    """

    per_image: Any  # a scipy.sparse.csr_array
    compute: Callable[[Floats], Floats]


def bootstrap(statistics: Sequence[Statistic], *, seed: int, draws: int) -> list[Estimate]:
    """Compute each statistic on all images, and its interval from `draws` resamples of the images.

    All statistics see the same resamples, and so does every other call with as many images and the same seed.
    One image alone gives no interval.
    """
    if not statistics:
        return []
    joined = sparse.csr_array(sparse.hstack([statistic.per_image for statistic in statistics]).T)
    images = joined.shape[1]
    if images == 0:
        return [Estimate(*[float("nan")] * 3) for _ in statistics]
    totals = [joined @ np.ones((images, 1))]
    if images > 1:
        totals.extend(joined @ counts for counts in _resamples(images, seed=seed, draws=draws))
    sums = np.concatenate(totals, axis=1).T
    estimates, start = [], 0
    for statistic in statistics:
        stop = start + statistic.per_image.shape[1]
        value, *resampled = statistic.compute(sums[:, start:stop])
        estimates.append(Estimate(float(value), *_interval(np.array(resampled))))
        start = stop
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
