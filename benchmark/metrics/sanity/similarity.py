"""How alike two maps are, whatever their scale."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Similarity = Literal["spearman", "ssim"]

_WINDOW = 7


def alike(one: Tensor, other: Tensor, similarity: Similarity) -> float:
    """Similarity of two maps (h, w), from -1 to 1."""
    return (spearman if similarity == "spearman" else structural)(one, other)


def spearman(one: Tensor, other: Tensor) -> float:
    """Rank correlation of two maps (h, w), equal pixels at their mean rank; 0 where one map is constant."""
    ranks = [_ranks(_finite(values)) for values in (one, other)]
    first, second = (rank - rank.mean() for rank in ranks)
    lengths = first.norm() * second.norm()
    return max(-1.0, min(1.0, float((first @ second) / lengths))) if lengths > 0 else 0.0


def structural(one: Tensor, other: Tensor) -> float:
    """Mean structural similarity (SSIM) of two maps (h, w) in windows of 7 x 7.

    The range is that of both maps together; smaller maps are resized to a shorter side of 7. 0 where one map
    alone is constant.

    Source: Wang et al., Image Quality Assessment, TIP 2004, with the sample covariance of windows.
    """
    first, second = (_large_enough(_finite(values)) for values in (one, other))
    low, high = torch.stack([first, second]).aminmax()
    if any(values.max() == values.min() for values in (first, second)):
        return 0.0
    moments = [first, second, first * first, second * second, first * second]
    mean1, mean2, square1, square2, product = F.avg_pool2d(torch.stack(moments)[:, None], _WINDOW, 1)[:, 0]
    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    spread = sample * (square1 - mean1**2 + square2 - mean2**2)
    together = sample * (product - mean1 * mean2)
    small, smaller = ((share * (high - low)) ** 2 for share in (0.01, 0.03))
    found = (2 * mean1 * mean2 + small) * (2 * together + smaller)
    return float((found / ((mean1**2 + mean2**2 + small) * (spread + smaller))).mean())


def _ranks(values: Tensor) -> Tensor:
    flat = values.flatten()
    sort = flat.sort()
    _, counts = torch.unique_consecutive(sort.values, return_counts=True)
    means = (counts.cumsum(0) - (counts - 1) / 2).repeat_interleave(counts)
    return torch.empty_like(flat).scatter_(0, sort.indices, means.to(flat))


def _finite(values: Tensor) -> Tensor:
    """The map in float64; one that is no map is constant."""
    return values.double() if values.isfinite().all() else torch.zeros_like(values, dtype=torch.float64)


def _large_enough(values: Tensor) -> Tensor:
    if min(values.shape) >= _WINDOW:
        return values
    size = [max(side * _WINDOW // min(values.shape), _WINDOW) for side in values.shape]
    return F.interpolate(values[None, None], size, mode="bilinear", align_corners=False)[0, 0]
