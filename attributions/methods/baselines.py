"""Maps made without asking a network: the floor and the ceiling of every metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ..interface import NetworkLike, Passes, attribution

Sigma = Annotated[float, Field(gt=0, le=10)]


def _nothing(_options: Mapping[str, Any]) -> Passes:
    return Passes()


@attribution("center", kind="dense", middle=True, source="Zhang et al., ECCV 2016", family="baseline")
def center(masks: Tensor, seeds: Sequence[int]) -> Tensor:
    """Centre: all saliency on the pixel in the middle of the image.

    Returns:
        (N, H, W) float32, one at row H // 2 and column W // 2 from 0, zero elsewhere.
    """
    maps = torch.zeros(masks.shape, dtype=torch.float32, device=masks.device)
    maps[:, masks.shape[1] // 2, masks.shape[2] // 2] = 1
    return maps


@attribution("center_gaussian", kind="dense", source="Choe et al., CVPR 2020", family="baseline")
def center_gaussian(masks: Tensor, seeds: Sequence[int], *, sigma: Sigma = 0.25) -> Tensor:
    """Centre Gaussian: saliency falls with the distance from the middle, the boxes above it are centred.

    Args:
        masks: (N, H, W), read for its shape and device only.
        seeds: not read.
        sigma: standard deviation, as a share of the picture's height down and of its width across.

    Returns:
        (N, H, W) float32, at most one.
    """
    down, across = (_falling(length, sigma * length, masks.device) for length in masks.shape[1:])
    return (down[:, None] * across).expand(masks.shape).clone()


def _falling(length: int, sigma: float, device: torch.device) -> Tensor:
    """A Gaussian of `sigma` pixels around the middle of a row of pixels: (length,)."""
    distance = (2 * torch.arange(length, device=device) + 1 - length) / 2
    return torch.exp(-0.5 * (distance / sigma) ** 2)


@attribution("random", kind="dense", family="baseline")
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


@attribution("uniform", kind="dense", family="baseline")
def uniform(masks: Tensor, seeds: Sequence[int]) -> Tensor:
    """Uniform: all pixels alike, so the map says nothing and counts as constant.

    Returns:
        (N, H, W) float32, all one.
    """
    return torch.ones(masks.shape, dtype=torch.float32, device=masks.device)


@attribution("box_oracle", kind="dense", truth=True, family="baseline")
def box_oracle(masks: Tensor, seeds: Sequence[int]) -> Tensor:
    """Box oracle: the ground truth itself, which scores 100 on every localisation metric.

    Returns:
        (N, H, W) float32, one inside the region and zero outside.
    """
    return masks.float()


@attribution(
    "sobel", class_independent=True, passes=_nothing, source="Sobel & Feldman, 1968", family="baseline"
)
def sobel(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """Edges of the picture, whatever the network: the length of the Sobel gradient of its mean colour.

    Returns:
        (N, h, w) float32, at the size of the input; pixels beyond the border repeat it.
    """
    grey = F.pad(images.float().mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = grey[..., 2:] - grey[..., :-2]
    across = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    down = grey[..., 2:, :] - grey[..., :-2, :]
    down = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return torch.hypot(across, down)[:, 0][image_index]


@attribution(
    "fake_cam", class_independent=True, passes=_nothing, source="Poppi et al., CVPRW 2021", family="baseline"
)
def fake_cam(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """Fake-CAM: every pixel alike but the first, so that a picture masked with it loses nothing.

    Returns:
        (N, h, w) float32, zero at the first pixel of the input, one elsewhere.
    """
    maps = torch.ones((len(image_index), *images.shape[2:]), device=images.device)
    maps[:, 0, 0] = 0
    return maps
