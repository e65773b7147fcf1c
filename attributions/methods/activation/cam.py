"""The family of Grad-CAM: activations of a layer, weighted by gradients of the class score there."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ...interface import NetworkLike, attribution
from ...layers.capture import features_and_gradients
from ...signs import summed_over_channels

_NOTHING = 1e-7
"""A sum of activations up to this is too near to nothing to be divided by."""


def weighted_sum(weights: Tensor, features: Tensor) -> Tensor:
    """Return relu(sum_k w_k F_k): (N, h, w) float32, of weights (N, k) and features (N, k, h, w)."""
    # a matrix product would round differently with another number of queries
    return (weights[:, :, None, None] * features).sum(dim=1).clamp(min=0).float()


@attribution("grad_cam", source="Selvaraju et al., Grad-CAM, ICCV 2017", family="activation")
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
    return weighted_sum(gradients.mean(dim=(2, 3)), features)


@attribution(
    "grad_cam_elementwise",
    source="Pillai & Pirsiavash, AAAI 2021; HiResCAM, Draelos & Carin 2020",
    family="activation",
)
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
    return summed_over_channels(gradients * features).clamp(min=0).float()


@attribution("grad_cam_plus_plus", source="Chattopadhay et al., WACV 2018", family="activation")
def grad_cam_plus_plus(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
    epsilon: Annotated[float, Field(ge=0)] = 0.0,
) -> Tensor:
    """Grad-CAM++: each channel weighted by its positive gradients, the less the larger the channel's sum.

    w_k = sum_uv alpha relu(G), alpha = G^2 / (2 G^2 + S_k G^3 + epsilon), S_k = sum_uv F_k; without epsilon
    w_k = sum_uv relu(G) / (2 + S_k relu(G)). Arguments and result as for `grad_cam`; `epsilon` 0 is the
    formula, and 1e-6, as large as G^2 itself in many networks, what `pytorch-grad-cam` adds: other maps.

    Source: Chattopadhay et al., "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep
    Convolutional Networks", WACV 2018. Where features are negative the denominator can vanish: weight 0.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    total, rising = features.sum(dim=(2, 3), keepdim=True), gradients.clamp(min=0)
    if epsilon:
        squares = gradients.square()
        alpha = squares / (2 * squares + total * squares * gradients + epsilon)
        return weighted_sum((alpha * rising).sum(dim=(2, 3)), features)
    below = 2 + total * rising
    weights = (rising / below).masked_fill(below.abs() < 1e-6, 0)
    return weighted_sum(weights.sum(dim=(2, 3)), features)


@attribution("xgrad_cam", source="Fu et al., BMVC 2020", family="activation")
def xgrad_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """XGrad-CAM: each channel weighted by its gradients, each in proportion to the activation it meets.

    w_k = sum_uv G_k F_k / S_k, S_k = sum_uv F_k; a channel whose S_k is nearly 0 counts for nothing. Equal to
    Grad-CAM up to a factor where global average pooling and a linear layer follow. Arguments and result as
    for `grad_cam`.

    Source: Fu et al., "Axiom-based Grad-CAM", BMVC 2020.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    total = features.sum(dim=(2, 3))
    weights = (gradients * features).sum(dim=(2, 3)) / (total + _NOTHING)
    return weighted_sum(weights.masked_fill(total.abs() < _NOTHING, 0), features)


@attribution("layer_cam", source="Jiang et al., TIP 2021", family="activation")
def layer_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """LayerCAM: each activation weighted by its own positive gradient, relu(sum_k relu(G_k) F_k).

    Made for early layers: name one by `layer`. Arguments and result as for `grad_cam`.

    Source: Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE
    Transactions on Image Processing 2021, whose fusion of several layers is not done here.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    return (gradients.clamp(min=0) * features).sum(dim=1).clamp(min=0).float()


@attribution("linear_approximation", source="Fong et al., ICCV 2019", family="activation", signed=True)
def linear_approximation(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """Linear approximation: activation times gradient, sum_k G_k F_k, with its sign.

    Arguments as for `grad_cam`; the result is signed, and its positive part is `grad_cam_elementwise`.

    Source: Fong, Patrick & Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth
    Masks", ICCV 2019, compare with it; it is gradient times activation.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    return summed_over_channels(gradients * features).float()


@attribution("norm_grad", source="Rebuffi et al., CVPR 2020", family="activation")
def norm_grad(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """NormGrad: how much a place would move the weights of a 1 x 1 convolution, |F_u| times |G_u|.

    Arguments and result as for `grad_cam`.

    Source: Rebuffi, Fong, Ji & Vedaldi, "There and Back Again: Revisiting Backpropagation Saliency Methods",
    CVPR 2020, for a single layer.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    product: Tensor = torch.linalg.vector_norm(features, dim=1) * torch.linalg.vector_norm(gradients, dim=1)
    return product.float()
