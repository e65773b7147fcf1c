"""Class activation maps without a gradient's weights: the classifier's own, and principal components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ....base import RaybenchError
from ...interface import NetworkLike, Passes, attribution
from ...layers.capture import features_and_gradients
from ...layers.features import features_of
from ...layers.search.target_layer import layer_to_read
from ...layers.watching import tried


def _averages_and_weighs(network: NetworkLike) -> None:
    """Refuse networks whose scores are not a linear layer of averaged feature maps, seen on two pictures."""
    tried(network, lambda blank: _check_gradients(network, blank))


def _check_gradients(network: NetworkLike, blank: Tensor) -> None:
    images = torch.randn(2, *blank.shape[1:], generator=torch.Generator().manual_seed(0)).to(blank)
    both = torch.arange(2, device=blank.device)
    _, gradients = features_and_gradients(network, images, both, torch.zeros_like(both))
    middle = gradients.mean(dim=(0, 2, 3), keepdim=True)
    if not torch.allclose(
        gradients, middle.expand_as(gradients), rtol=1e-3, atol=1e-6 * float(middle.abs().max())
    ):
        raise RaybenchError(
            f"cam needs scores that weigh the averaged maps of {layer_to_read(None, network)!r} linearly; "
            "choose grad_cam, which gives its positive part for such networks and a map for others"
        )


@attribution(
    "cam",
    source="Zhou et al., CVPR 2016",
    family="activation",
    signed=True,
    check=_averages_and_weighs,
    fits="an average and a linear layer",
)
def cam(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """CAM: the class's own weights of the classifier, sum_k W_ck F_k, with its sign.

    Args:
        network: a classifier that averages the feature maps of its target layer and weighs them linearly.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.

    Returns:
        (N, h, w) float32, signed.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016. The weights are
    read from the gradient, which is W_ck / (h w) at every place.
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index)
    weights = gradients.sum(dim=(2, 3))
    return (weights[:, :, None, None] * features).sum(dim=1).float()


def _one_forward(_options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=1)


@attribution(
    "eigen_cam",
    source="Muhammad & Yeasin, IJCNN 2020",
    family="activation",
    class_independent=True,
    passes=_one_forward,
)
def eigen_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
    centred: bool = True,
) -> Tensor:
    """Eigen-CAM: what the first principal component of the feature maps shows, the same for every class.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64; the maps do not depend on it.
        layer: where features are read; the network's target layer by default.
        centred: take each channel's mean over places away before.

    Returns:
        (N, h, w) float32, non-negative: a component has no sign of its own, and gets the one by which it
        rises with the sum of all channels.

    Source: Muhammad & Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020.
    """
    features = features_of(network, images, image_index, layer)
    return _first_components(features, centred)


@attribution("eigen_grad_cam", source="pytorch-grad-cam, Gildenblat 2021", family="activation")
def eigen_grad_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
    centred: bool = True,
) -> Tensor:
    """Eigen-Grad-CAM: the first principal component of activations times gradients.

    Arguments and result as for `eigen_cam`; its sign is that by which it rises with sum_k G_k F_k. It stands
    in no paper.

    Source: the library pytorch-grad-cam (Gildenblat and contributors, 2021).
    """
    features, gradients = features_and_gradients(network, images, image_index, class_index, layer)
    return _first_components(features * gradients, centred)


def _first_components(maps: Tensor, centred: bool) -> Tensor:
    """Project (N, k, h, w) on their first component over places: (N, h, w) float32, clamped at 0."""
    found = maps.new_zeros((len(maps), *maps.shape[2:]), dtype=torch.float32)
    for row, one in enumerate(maps):
        if not one.isfinite().all():  # nothing has components: counted as such
            found[row] = torch.nan
            continue
        places = one.double().flatten(1).T  # (h w, k)
        total = places.sum(dim=1)
        if centred:
            places = places - places.mean(dim=0)
        left, values, _ = torch.linalg.svd(places, full_matrices=False)
        component = left[:, 0] * values[0]
        falls = component @ (total - total.mean()) < 0
        found[row] = (-component if falls else component).clamp(min=0).view(one.shape[1:]).float()
    return found
