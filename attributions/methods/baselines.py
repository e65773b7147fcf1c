"""Maps made without a network: the floor and the ceiling of every metric."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..interface import attribution

__all__ = ["box_oracle", "center", "random", "uniform"]


@attribution("center", kind="dense", middle=True, source="Zhang et al., ECCV 2016")
def center(masks: Tensor, seeds: Sequence[int]) -> Tensor:
    """Centre: all saliency on the pixel in the middle of the image.

    Returns:
        (N, H, W) float32, one at row H // 2 and column W // 2 from 0, zero elsewhere.
    """
    maps = torch.zeros(masks.shape, dtype=torch.float32, device=masks.device)
    maps[:, masks.shape[1] // 2, masks.shape[2] // 2] = 1
    return maps


@attribution("random", kind="dense")
def random(masks: Tensor, seeds: Sequence[int]) -> Tensor:
    """Random: every pixel drawn uniformly from [0, 1), from a generator of the query's own.

    Args:
        masks: (N, H, W), read for its shape and device only.
        seeds: N integers; the same seed gives the same map on every device, in any batch.

    Returns:
        (N, H, W) float32.
    """
    maps = [
        torch.rand(masks.shape[1:], dtype=torch.float32, generator=torch.Generator().manual_seed(seed))
        for seed in seeds
    ]
    return (
        torch.stack(maps).to(masks.device)
        if maps
        else torch.zeros(masks.shape, dtype=torch.float32, device=masks.device)
    )


@attribution("uniform", kind="dense")
def uniform(masks: Tensor, seeds: Sequence[int]) -> Tensor:
    """Uniform: all pixels alike, so the map says nothing and counts as constant.

    Returns:
        (N, H, W) float32, all one.
    """
    return torch.ones(masks.shape, dtype=torch.float32, device=masks.device)


@attribution("box_oracle", kind="dense", truth=True)
def box_oracle(masks: Tensor, seeds: Sequence[int]) -> Tensor:
    """Box oracle: the ground truth itself, which scores 100 on every localisation metric.

    Returns:
        (N, H, W) float32, one inside the region and zero outside.
    """
    return masks.float()
