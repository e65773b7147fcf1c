"""Precision and recall over all pixels of a set, from histograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rules import rule

Floats = NDArray[np.float64]


@rule("pooled_average_precision")
def pooled_average_precision(sums: Floats) -> Floats:
    """Turn (..., 2 B) histograms of the pixels inside, then of those outside, into (...) percent.

    Bins ascend with the pixels' saliency. Each threshold that a bin begins at adds the recall that it gains
    times the precision that it has; NaN where no pixel is inside.
    """
    inside, outside = np.split(sums, 2, axis=-1)
    hits = np.cumsum(inside[..., ::-1], axis=-1)
    found = hits + np.cumsum(outside[..., ::-1], axis=-1)
    total = hits[..., -1:]
    precision = np.divide(hits, found, out=np.zeros_like(hits), where=found > 0)
    gains = np.divide(inside[..., ::-1], total, out=np.full_like(hits, np.nan), where=total > 0)
    area: Floats = (precision * gains).sum(axis=-1)
    return 100 * area
