"""Holds the intervals of a summary against the spread of its records.

`raybench check` computes intervals again to the last digit; for 200 rows of 50,000 images that takes
minutes. The standard error of a mean is there at once, and no honest 95 % interval is far from 1.96 of it to
each side.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ....base import RaybenchError

__all__ = ["check_interval", "standard_error"]

_FEWEST_IMAGES = 30  # below, and with classes of fewer queries, a bootstrap may be far from any formula
_FEWEST_OF_A_CLASS = 5
_MOST_APART = 2.0  # times as wide, or as narrow

Floats = NDArray[np.float64]


def check_interval(
    place: str, low: float, high: float, values: Floats, classes: NDArray[np.int64], images: NDArray[np.str_]
) -> None:
    """Refuse an interval that the records cannot have given.

    Args:
        place: what the interval is of, for the message.
        low: its lower end; NaN if the summary gives none.
        high: its upper end.
        values: (N,) of the queries, in percent.
        classes: (N,) all zero for a mean over queries.
        images: (N,) ids, those of an image one behind the other.

    Raises:
        RaybenchError: it lies beside the value, or is more than twice as wide or as narrow as it should be.
    """
    starts = np.flatnonzero(np.r_[True, images[1:] != images[:-1]][: len(images)])
    if math.isnan(low) or math.isnan(high) or len(starts) < _FEWEST_IMAGES:
        return
    _, group, counts = np.unique(classes, return_inverse=True, return_counts=True)
    if counts.min() < (_FEWEST_OF_A_CLASS if len(counts) > 1 else 1):
        return
    means = np.bincount(group, weights=values) / counts
    value, reach = float(means.mean()), 1.96 * standard_error(values, group, starts)
    width = (high - low) / 2
    rounding = 1e-6
    if not (
        low - rounding <= value <= high + rounding
        and width <= _MOST_APART * reach + rounding
        and reach <= _MOST_APART * width + rounding
    ):
        raise RaybenchError(
            f"summary.csv gives {place} the interval {low:.10g} to {high:.10g}, but the records spread to "
            f"about {value - reach:.4g} to {value + reach:.4g}: it was changed, or made in another way"
        )


def standard_error(values: Floats, group: NDArray[np.int64], starts: NDArray[np.int64]) -> float:
    """Standard error of the mean over classes of the class means, over resampled images.

    Args:
        values: (N,)
        group: (N,) class of each query, from 0, none of them empty.
        starts: (images,) place of the first query of each image.
    """
    counts = np.bincount(group)
    means = np.bincount(group, weights=values) / counts
    # how much the value would change if a query counted a little more
    influence = (values - means[group]) / (counts[group] * len(counts))
    return float(np.sqrt((np.add.reduceat(influence, starts) ** 2).sum()))
