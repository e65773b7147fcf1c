"""Maps and regions as metrics read them, and the one that is worked out by hand."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from raybench.benchmark.metrics import SaliencyBatch

__all__ = ["HAND_MAP", "HAND_REGION", "maps_with"]

HAND_MAP = [[4, 4, 2, 0], [3, 2, 2, 0], [1, 0, 0, 0]]
HAND_REGION = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


def maps_with(maps: Tensor | ArrayLike, regions: ArrayLike | None = None) -> SaliencyBatch:
    """Return maps (N, H, W) or one of (H, W) as they are, with their regions, by default everything."""
    saliency = torch.as_tensor(maps if isinstance(maps, Tensor) else np.array(maps, np.float32)).float()
    saliency = saliency[None] if saliency.ndim == 2 else saliency
    inside = np.ones(saliency.shape, bool) if regions is None else np.array(regions, bool)
    mask = torch.from_numpy(inside.reshape(saliency.shape))
    return SaliencyBatch(saliency, mask, mask, tuple(range(len(saliency))))
