"""Images that are blurred, evenly or more in some places than in others."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def blurred(images: Tensor, sigma: float, *, cut: Callable[[float], int] = math.ceil) -> Tensor:
    """Convolve (..., H, W) with a Gaussian that is cut at 4 sigma, with zeros around the images.

    Zero is the mean colour of a normalised image. It is computed in float64, whose digits no autocast drops,
    as a product with a matrix on either side: wide Gaussians cost no more than narrow ones. `cut` makes whole
    pixels of 4 sigma: libraries round up, or to the nearest.
    """
    reach = cut(4 * sigma)
    if reach == 0:
        return images
    height, width = (_along(length, sigma, reach).to(images.device) for length in images.shape[-2:])
    with torch.autocast(images.device.type, enabled=False):
        return (height @ images.double() @ width).to(images.dtype)


def _along(length: int, sigma: float, reach: int) -> Tensor:
    """The blur of a row of numbers as a symmetric matrix (length, length), float64."""
    weights = torch.exp(-torch.arange(reach + 1, dtype=torch.float64).square() / (2 * sigma**2))
    weights = weights / (2 * weights.sum() - 1)
    places = torch.arange(length)
    apart = (places[:, None] - places).abs()
    return torch.where(apart <= reach, weights[apart.clamp(max=reach)], 0)


def blurs(image: Tensor, sigma: float, levels: int) -> Tensor:
    """Blur an image (3, H, W) by sigma, and in equal steps less, down to the image: (levels, 3, H, W)."""
    sigmas = [sigma * (1 - level / (levels - 1)) for level in range(levels)]
    return torch.cat([blurred(image[None], each) for each in sigmas])


def blend(levels: Tensor, masks: Tensor) -> Tensor:
    """Show an image as sharp as masks say in each place: the first of its blurs where 0, the last where 1.

    Args:
        levels: (l, 3, H, W), as of `blurs`.
        masks: (n, 1, H, W), from 0 to 1.

    Returns:
        (n, 3, H, W), between two levels the linear interpolation; differentiable by the masks.
    """
    place = masks * (len(levels) - 1)
    lower = place.detach().floor().clamp(0, len(levels) - 2).long()
    index = lower.expand(-1, levels.shape[1], -1, -1)
    under, over = levels.gather(0, index), levels.gather(0, index + 1)
    return under + (place - lower) * (over - under)
