"""What stands where a picture is hidden."""

from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ....attributions import generator
from ....checkpoints import Network
from ...metrics import Fill

_SIDE, _SIGMA = 11, 5.0


def fill(network: Network, image: Tensor, name: Fill, seed: int) -> Tensor:
    """Pixels (3, h, w) or (3, 1, 1) of a fill; the mean colour is 0 after normalisation."""
    low, high = (bound.to(image) for bound in network.input_range)
    if name == "blur":
        kernel = blur_kernel().to(image)[None, None].expand(3, 1, -1, -1)
        return F.conv2d(image[None], kernel, padding=_SIDE // 2, groups=3)[0]
    if name == "noise":
        drawn = torch.rand(image.shape, generator=generator(seed, "fill", 0))
        return low + drawn.to(image) * (high - low)
    return {"mean": torch.zeros_like(low), "black": low, "white": high}[name]


@functools.cache
def blur_kernel() -> Tensor:
    """RISE's kernel (11, 11): an impulse through a Gaussian of 5 pixels that is reflected at the borders."""
    impulse = np.zeros((_SIDE, _SIDE))
    impulse[_SIDE // 2, _SIDE // 2] = 1
    return torch.from_numpy(gaussian_filter(impulse, _SIGMA)).float()
