"""Occlusion: how far a class score falls when a window of the image is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from ...asking.copies.masking import Fill, masked_scores
from ...interface import NetworkLike, Passes, attribution
from ...queries import by_image, check_queries
from ...sharing import shared

Share = Annotated[float, Field(gt=0, le=1)]


def _per_window(options: Mapping[str, Any]) -> Passes:
    square = windows((224, 224), options["window"], options["stride"])
    return Passes(forwards_per_image=1 + len(square), option="stride")


@attribution(
    "occlusion", source="Zeiler & Fergus, ECCV 2014", family="perturbation", signed=True, passes=_per_window
)
def occlusion(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    window: Share = 2 / 7,
    stride: Share = 1 / 7,
    fill: Fill = "mean",
) -> Tensor:
    """Occlusion: the mean fall of the class's logit over the windows that hide a pixel.

    All classes of an image are asked about behind the same windows.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        window: side of the square window, as a share of the image's shorter side.
        stride: from one window to the next, likewise. Pixels that no window reaches get 0, which happens only
            where the stride is larger than the window.
        fill: what a window shows; the paper's grey is the `mean` colour.

    Returns:
        (N, H, W) float32, signed.

    Source: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, who plot the
    score by the window's place. That every pixel gets the mean over its windows is captum's reading.
    """
    check_queries(images, image_index, class_index)
    return shared(
        ("occlusion", window, stride, fill),
        (network.module, images, image_index, class_index),
        lambda: _falls(network, images.detach(), image_index, class_index, window, stride, fill),
    )


def windows(size: tuple[int, int], window: float, stride: float) -> list[tuple[slice, slice]]:
    """Rows and columns of each window; those that reach over the lower or right edge are cut there.

    Args:
        size: (H, W).
        window: side, as a share of the shorter one of these.
        stride: likewise.
    """
    side, step = (max(1, round(share * min(size))) for share in (window, stride))
    tops, lefts = (
        [start for start in range(0, length - side + step, step) if start < length] for length in size
    )
    return [(slice(top, top + side), slice(left, left + side)) for top in tops for left in lefts]


def _falls(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    window: float,
    stride: float,
    fill: Fill,
) -> Tensor:
    """Mean fall of the logit by pixel: (N, H, W) float32."""
    size = (images.shape[2], images.shape[3])
    places = windows(size, window, stride)
    hidden = images.new_zeros(size, dtype=torch.float64)
    for place in places:
        hidden[place] += 1

    def masks(part: range) -> Tensor:
        """Those of the windows, counted from 1; number 0 hides nothing."""
        shown = images.new_ones(len(part), 1, *size)
        for row, number in enumerate(part):
            if number:
                shown[row, 0][places[number - 1]] = 0
        return shown

    falls = images.new_zeros((len(image_index), *size), dtype=torch.float64)
    for image, queries in by_image(image_index):
        answers = masked_scores(
            network,
            images[image],
            masks,
            1 + len(places),
            class_index[queries],
            fill=fill,
            score="logit",
            label="occlusion",
        )
        scores = torch.cat([answer.scores for answer in answers])
        for (rows, columns), fall in zip(places, scores[0] - scores[1:], strict=True):
            falls[queries, rows, columns] += fall[:, None, None]
    return (falls / hidden.clamp(min=1)).float()
