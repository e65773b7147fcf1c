"""Cuts an image into segments that are shown or hidden whole."""

from __future__ import annotations

import importlib
from typing import Literal

import torch
from torch import Tensor

from ....base import RaybenchError
from ...interface import NetworkLike

Segmentation = Literal["cells", "slic", "quickshift"]
"""Cells of equal size, or what scikit-image's functions of these names find."""


def segmented(method: str, network: NetworkLike, image: Tensor, kind: Segmentation, cells: int) -> Tensor:
    """Number the segments of an image.

    Args:
        method: that asks, for messages.
        network: whose input the image is.
        image: (3, H, W) float, normalised.
        kind: how it is cut.
        cells: along each side of a grid; SLIC is asked for their square.

    Returns:
        (H, W) int64 on the CPU: the segment of each pixel, from 0 and without gaps.

    Raises:
        RaybenchError: the image is smaller than the grid, or scikit-image is missing.
    """
    height, width = image.shape[1:]
    if kind == "cells":
        if min(height, width) < cells:
            raise RaybenchError(
                f"{method}: an image of {height} x {width} pixels is smaller than its {cells} x {cells} "
                "cells; set the option cells to fewer"
            )
        rows, columns = (torch.arange(length) * cells // length for length in (height, width))
        return rows[:, None] * cells + columns
    try:
        segmentation = importlib.import_module("skimage.segmentation")
    except ImportError as error:
        raise RaybenchError(
            f"{method}: segments by {kind} need scikit-image; install it, or set the option segments to cells"
        ) from error
    low, high = (end.to(image) for end in network.input_range)
    pixels = ((image - low) / (high - low)).clamp(0, 1).permute(1, 2, 0).double().cpu().numpy()
    if kind == "slic":
        found = segmentation.slic(pixels, n_segments=cells**2, start_label=0)
    else:  # as LIME's authors call it
        found = segmentation.quickshift(pixels, kernel_size=4, max_dist=200, ratio=0.2)
    numbers: Tensor = torch.unique(torch.from_numpy(found).long(), return_inverse=True)[1]
    return numbers


def colours_of(segments: Tensor, image: Tensor) -> Tensor:
    """Give every pixel of an image (3, H, W) the mean colour of its segment, one of `segments` (H, W)."""
    flat, pixels = segments.flatten().to(image.device), image.flatten(1).double()
    sums = pixels.new_zeros(len(image), int(flat.max()) + 1).index_add_(1, flat, pixels)
    return (sums / flat.bincount())[:, flat].view_as(image).to(image)
