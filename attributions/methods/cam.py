"""Grad-CAM: activations of the last convolutional stage, weighted by the gradient of the class score."""

from __future__ import annotations

from torch import Tensor

from ..interface import NetworkLike, attribution
from ..reading.capture import features_and_gradients

__all__ = ["grad_cam", "grad_cam_elementwise"]


@attribution("grad_cam", source="Selvaraju et al., Grad-CAM, ICCV 2017")
def grad_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """Grad-CAM: each channel weighted by its mean gradient, relu(sum_k mean_uv(dy/dF_k) F_k).

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        layer: where F is read; the network's target layer by default.

    Returns:
        (N, h, w) float32 at the resolution of the layer, non-negative.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV 2017.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    weights = gradients.mean(dim=(2, 3))
    # a matrix product would round differently with another number of queries
    return (weights[:, :, None, None] * features).sum(dim=1).clamp(min=0).float()


@attribution("grad_cam_elementwise", source="Pillai & Pirsiavash, AAAI 2021; HiResCAM, Draelos & Carin 2020")
def grad_cam_elementwise(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """Element-wise Grad-CAM (HiResCAM): each activation times its own gradient, relu(sum_k dy/dF_k F_k).

    For a network that ends in global average pooling and a linear layer it is Grad-CAM up to a factor.
    Arguments and result as for `grad_cam`.

    Source: Pillai & Pirsiavash, "Explainable Models with Consistent Interpretations", AAAI 2021; the same map
    is HiResCAM in Draelos & Carin, arXiv 2011.08891.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    return (gradients * features).sum(dim=1).clamp(min=0).float()
