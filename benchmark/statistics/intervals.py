"""Intervals and p-values: how far a value may be off, and whether two values differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .spread import Spread, deviations

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INTERVALS = "linearised, version 4"
"""How intervals are made: in run.json, so that other intervals are known for what they are."""

_STEP = 1e-5  # relative; of a central difference, whose error is its square
_AT_ONCE = 64  # statistics changed at once, which bounds memory
_CERTAIN = 64  # images from which on the floor of a p-value, 2^(1 - images), is too small to matter
UNBOUNDED = (-np.inf, np.inf)


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
        bounds: smallest and largest value that there is.
        settled: from sums (K,) to what computes the same near them, for derivatives; `compute` by default.
    """

    per_image: Any  # a scipy.sparse.csr_array
    compute: Callable[[Floats], Floats]
    bounds: tuple[float, float] = (0.0, 100.0)
    settled: Callable[[Floats], Callable[[Floats], Floats]] | None = None


def estimate_mean(
    values: Floats, images: Integers, classes: Integers | None, bounds: tuple[float, float]
) -> Estimate:
    """Return the mean of values (Q,) over queries, or over classes of class means, with its interval."""
    if not len(values):
        return Estimate(*[float("nan")] * 3)
    found = deviations(values[None], images, classes)
    return interval(float(found.means[0]), found.within_bounds(), bounds)


def estimate(statistic: Statistic) -> Estimate:
    """Compute a statistic on all images, with its interval."""
    if statistic.per_image.shape[0] == 0:
        return Estimate(*[float("nan")] * 3)
    value, own = influence(statistic)
    return interval(value, spread_of(own), statistic.bounds)


def influence(statistic: Statistic) -> tuple[float, Floats]:
    """Return a statistic's value on all images, and what each image adds to its error: (images,).

    That is the derivative by the sums times the image's own part: the infinitesimal jackknife.
    """
    per_image = statistic.per_image
    sums = np.asarray(per_image.sum(axis=0), dtype=np.float64)
    value = statistic.compute(np.stack([sums, sums], axis=1).T)[0]  # summed in this order since version 1
    compute = statistic.settled(sums) if statistic.settled else statistic.compute
    slope, filled = np.zeros(len(sums)), np.flatnonzero(sums)  # where all images have 0, nothing changes
    for start in range(0, len(filled), _AT_ONCE):
        columns = filled[start : start + _AT_ONCE]
        steps = np.zeros((len(columns), len(sums)))
        steps[np.arange(len(columns)), columns] = _STEP * sums[columns]
        up, down = compute(sums + steps), compute(sums - steps)
        slope[columns] = (up - down) / (2 * _STEP * sums[columns])
    return float(value), np.asarray(per_image @ slope, dtype=np.float64)


def spread_of(own: Floats) -> Spread:
    """Return the spread of a value from what each of n images adds to its error: (n,)."""
    images = len(own)
    if images < 2:
        return Spread(np.full(1, np.nan), np.ones(1), float(images))
    variance = ((own - own.mean()) ** 2).sum() * images / (images - 1)
    return Spread(np.full(1, variance), np.full(1, images - 1.0), float(images))


def interval(value: float, spread: Spread, bounds: tuple[float, float] = UNBOUNDED) -> Estimate:
    """Return a value with its 95 % interval, from a spread of one row.

    Without finite bounds it is Student's t interval. Within bounds the variance of a value falls to 0 towards
    them, so that the same t intervals are too short on the side of the middle and reach beyond the bound:
    there it is Wilson's interval for as many images as give that variance to a share of hits. If all images
    lie on a bound, it is the one for `units` images.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22
        (1927); with an effective sample size as E. Korn and B. Graubard, Confidence intervals for proportions
        with small expected number of positive counts estimated from survey data, Survey Methodology 24
        (1998), use it.
    """
    from scipy.special import stdtrit  # tables, which compute no interval, start sooner without it

    variance, freedom = float(spread.variance[0]), float(spread.freedom[0])
    if np.isnan(variance) or np.isnan(value):
        return Estimate(value, float("nan"), float("nan"))
    quantile, (least, most) = float(stdtrit(freedom, 0.975)), bounds
    if not np.isfinite(most - least):
        reach = quantile * variance**0.5
        return Estimate(value, value - reach, value + reach)
    width = most - least
    part = min(max((value - least) / width, 0.0), 1.0)
    room = part * (1 - part)
    extra = quantile**2 * (variance / width**2 / room if room > 1e-12 else 1 / spread.units)
    middle, reach = (part + extra / 2) / (1 + extra), (extra * room + extra**2 / 4) ** 0.5 / (1 + extra)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Estimate(value, min(value, least + width * low), max(value, least + width * high))


def p_values(difference: Floats, spread: Spread, differing: Integers) -> Floats:
    """Two-sided p-values of paired differences, by Student's t.

    For means over queries with one query per image this is the paired t-test, `scipy.stats.ttest_rel`.

    A t-test is too sure of itself where only a few images differ. If there were no difference, the two rows
    could be exchanged on any image; k images that differ then agree by chance with probability 2^(1 - k),
    and no p-value may be smaller. Rows that are equal on all images have p = 1, and rows that differ by a
    constant, with a variance of 0, are as far apart as a sign test over their images says.

    Args:
        difference: any shape.
        spread: of the differences; p is 1 where the variance is NaN.
        differing: how many images differ, up to 64.
    """
    from scipy.special import stdtr  # of `scipy.stats`, which takes half a second to load

    distance, error = np.abs(difference), np.sqrt(spread.variance)
    score = np.divide(distance, error, out=np.where(distance > 0, np.inf, 0.0), where=error > 0)
    floor = np.where(differing < _CERTAIN, 2.0 ** (1 - differing.clip(1, _CERTAIN)), 0.0)
    p_value: Floats = np.maximum(2 * stdtr(spread.freedom, -score), floor)
    return np.where(np.isnan(error), 1.0, p_value)
