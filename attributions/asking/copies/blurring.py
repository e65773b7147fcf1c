"""Images that are blurred, evenly or more in some places than in others."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["blend", "blurred", "blurs"]


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Convolve (n, c, H, W) with a Gaussian that is cut at 4 sigma, with zeros around the images.

    Zero is the mean colour of a normalised image. It is computed in float64, whose digits no autocast drops.
    """
    reach = math.ceil(4 * sigma)
    if reach == 0:
        return images
    places = torch.arange(-reach, reach + 1, dtype=torch.float64, device=images.device)
    kernel = torch.exp(-places.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    planes = images.double().flatten(0, 1)[:, None]
    planes = F.conv2d(planes, kernel[None, None, :, None], padding=(reach, 0))
    planes = F.conv2d(planes, kernel[None, None, None, :], padding=(0, reach))
    return planes.view_as(images).to(images.dtype)


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
