"""Has oneDNN compute 1 × 1 convolutions also on one thread, where torch would leave them out."""

from __future__ import annotations

import platform

import torch
from torch import nn


def send_pointwise_to_onednn(module: nn.Module) -> None:
    """Change how 1 × 1 convolutions say what they are, in place; what they compute stays the same.

    For fewer than 16 images on one thread torch takes a 1 × 1 convolution for a matrix product, but not one
    that is dilated: that goes to oneDNN, as on several threads and for more images. A kernel of one pixel has
    nothing to dilate. So the last digits do not depend on the number of images or threads, and passes of
    networks with such layers take a fifth to a third less time (docs/performance.md).
    """
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return
    for layer in module.modules():
        if type(layer) is nn.Conv2d and (*layer.kernel_size, *layer.stride, *layer.dilation) == (1,) * 6:
            layer.dilation = (2, 2)
