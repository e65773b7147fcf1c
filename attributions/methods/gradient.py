"""The gradient of a class score with respect to the pixels."""

from __future__ import annotations

from torch import Tensor

from ..interface import NetworkLike, attribution
from ..reading.capture import input_gradients

__all__ = ["gradient"]


@attribution("gradient", smoothed=True, source="Simonyan et al., ICLR workshop 2014")
def gradient(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """Gradient: how strongly the class score reacts to a pixel, max over colours of |dy/dx|.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.

    Returns:
        (N, H, W) float32, non-negative.

    Source: Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014.
    Smoothing, where a protocol asks for it, comes after the map is resized to the original image.
    """
    return input_gradients(network, images, image_index, class_index).abs().amax(dim=1).float()
