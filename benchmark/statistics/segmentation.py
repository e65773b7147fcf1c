"""Segmentations of a set, from counts of its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rules import rule

Floats = NDArray[np.float64]


@rule("share_of_right_pixels")
def share_of_right_pixels(sums: Floats) -> Floats:
    """Turn (..., 4) counts (rightly taken, wrongly taken, missed, rightly left) into (...) percent right."""
    return 100 * _ratio(sums[..., 0] + sums[..., 3], sums.sum(axis=-1))


@rule("iou_of_both_sides")
def iou_of_both_sides(sums: Floats) -> Floats:
    """Turn (..., 4) counts into the mean of the IoU of what is taken and of what is left, in percent."""
    taken, wrong, missed, left = np.moveaxis(sums, -1, 0)
    return 50 * (_ratio(taken, taken + wrong + missed) + _ratio(left, left + wrong + missed))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)
