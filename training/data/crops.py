"""Random crops, the augmentation of training."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_LARGEST_STRETCH = 4 / 3
_TRIES = 10


class CropBox(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def draw_crop_box(height: int, width: int, smallest: float, generator: torch.Generator) -> CropBox:
    """Draw a part of a picture as torchvision's `RandomResizedCrop` does.

    Its area is an even share, from `smallest` to 1, of the picture's, and its aspect ratio lies between 3:4
    and 4:3, evenly on a logarithmic scale. If ten draws do not fit, the largest centred part is taken whose
    ratio does.
    """
    for _ in range(_TRIES):
        share, stretch, x, y = torch.rand(4, generator=generator).tolist()
        area = height * width * (smallest + (1 - smallest) * share)
        aspect = _LARGEST_STRETCH ** (2 * stretch - 1)
        crop_width, crop_height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < crop_width <= width and 0 < crop_height <= height:
            top, left = int(y * (height - crop_height + 1)), int(x * (width - crop_width + 1))
            return CropBox(top, left, crop_height, crop_width)
    crop_width = min(width, round(height * _LARGEST_STRETCH))
    crop_height = min(height, round(width * _LARGEST_STRETCH))
    return CropBox((height - crop_height) // 2, (width - crop_width) // 2, crop_height, crop_width)


def clamped_crop(image: Tensor, side: int, smallest: float, generator: torch.Generator) -> Tensor:
    """Cut a random part (3, side, side) out of a picture (3, H, W) uint8 and mirror half of them.

    The part is drawn once and cut to the picture where it does not fit: for pictures so small that the ten
    tries of `draw_crop_box` would cost more than the crop.
    """
    _, height, width = image.shape
    share, stretch, x, y, mirror = torch.rand(5, generator=generator).tolist()
    area = height * width * (smallest + (1 - smallest) * share)
    aspect = _LARGEST_STRETCH ** (2 * stretch - 1)
    crop_width = min(round((area * aspect) ** 0.5), width)
    crop_height = min(round((area / aspect) ** 0.5), height)
    left, top = int(x * (width - crop_width + 1)), int(y * (height - crop_height + 1))
    crop = image[None, :, top : top + crop_height, left : left + crop_width]
    crop = F.interpolate(crop, (side, side), mode="bilinear", antialias=True)[0]
    return crop.flip(-1) if mirror < 0.5 else crop
