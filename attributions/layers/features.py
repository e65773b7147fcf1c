"""Activations alone: forward passes without a graph, for methods that need no gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..arithmetic import forward_pass
from ..interface import NetworkLike
from ..queries import check_logits, check_queries, in_order, portions
from ..sharing import shared
from .layout_trials import layout_of, maps_at
from .search.target_layer import layer_to_read
from .watching import altering, captured, is_cut, undisturbed


def features_of(
    network: NetworkLike, images: Tensor, image_index: Tensor, layer: str | None = None
) -> Tensor:
    """Activations (N, k, h, w) at a layer, one row per query; on a CPU image by image.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        layer: dotted name of the layer; the network's target layer by default.

    Raises:
        UnknownNameError: no such layer.
        RaybenchError: the layer gives no feature maps.
    """
    name, module = layer_to_read(layer, network), network.module
    check_queries(images, image_index, image_index)

    def ask() -> Tensor:
        parts = portions(images.detach(), image_index)
        with undisturbed(module):
            found = [_features(network, name, part.images)[part.image_index] for part in parts]
        return in_order(parts, found)

    return shared(("features alone", name), (module, images, image_index), ask)


def _features(network: NetworkLike, layer: str, images: Tensor) -> Tensor:
    with captured(network.module, layer) as capture, torch.no_grad(), forward_pass(images.device):
        network.module(images)
    features = capture.tensor.to(torch.promote_types(capture.tensor.dtype, torch.float32))
    return maps_at(network, layer, features, images)[0]


def altered_scores(
    network: NetworkLike, image: Tensor, alter: Callable[[Tensor], Tensor], rows: int, layer: str | None
) -> Tensor:
    """Logits (m, C) of a network in which a layer's output of one image is replaced by m others.

    Args:
        network: the classifier.
        image: (3, H, W) float, normalised.
        alter: takes the layer's output, m equal rows of it with channels as their second dimension, (m, k,
            h, w) or (m, k, tokens), and returns what stands in its place.
        rows: m.
        layer: as for `features_of`.

    The image goes once through what lies before the layer where the layer is a cut of the network.
    """
    name, module = layer_to_read(layer, network), network.module
    channels = layout_of(network, name, image[None]).channels
    cut = is_cut(module, name, image[None])

    def replace(output: Tensor) -> Tensor:
        output = output.expand(rows, *output.shape[1:]) if cut else output
        return alter(output.movedim(channels, 1)).movedim(1, channels)

    inputs = image[None] if cut else image[None].expand(rows, -1, -1, -1)
    with undisturbed(module), altering(module, name, replace), torch.no_grad(), forward_pass(image.device):
        logits: Tensor = module(inputs)
    check_logits(logits, rows)
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
