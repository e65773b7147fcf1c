"""What methods ask of a network: activations at a layer, and gradients there or at the pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..arithmetic import forward_pass
from ..interface import NetworkLike
from ..queries import Portion, check_logits, check_queries, in_order, one_hot, portions
from ..sharing import shared
from .layout_trials import maps_at
from .layouts import as_maps
from .search.target_layer import layer_to_read
from .watching import run_from, undisturbed


class Capture(NamedTuple):
    """Activations at a layer and the gradients of the queries' scores with respect to them.

    Attributes:
        features: (N, C, h, w), detached, one row per query.
        gradients: (N, C, h, w), the gradient of query n's logit with respect to row n.
    """

    features: Tensor
    gradients: Tensor


def features_and_gradients(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    layer: str | None = None,
) -> Capture:
    """Run the network on B images and back to `layer` for all N queries, on a CPU image by image.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised as the checkpoint wants it.
        image_index: (N,) int64, the image of each query, in any order, repeated or not.
        class_index: (N,) int64, the class of each query.
        layer: dotted name of the layer to read; the network's target layer by default.

    Raises:
        UnknownNameError: no such layer.
        RaybenchError: the layer gives no feature maps, or the scores do not depend on it.
    """
    name, module = layer_to_read(layer, network), network.module

    check_queries(images, image_index, class_index)

    def ask() -> Capture:
        parts = portions(images.detach(), image_index)
        with undisturbed(module):
            found = [_capture(network, name, part, class_index[part.queries]) for part in parts]
        if len(found) == 1:
            return found[0]
        return Capture(*(in_order(parts, tensors) for tensors in zip(*found, strict=True)))

    return shared(("features", name), (module, images, image_index, class_index), ask)


def _capture(network: NetworkLike, layer: str, part: Portion, class_index: Tensor) -> Capture:
    """Features and gradients of some queries, by one forward and one backward pass."""
    with forward_pass(part.images.device):
        start, logits = run_from(network.module, layer, part.images, part.image_index)
    features = start.tensor
    maps, layout = maps_at(network, layer, features.detach(), part.images)
    (gradients,) = torch.autograd.grad(logits, features, one_hot(logits, class_index))
    return Capture(_at_least_float32(maps), _at_least_float32(as_maps(gradients, layout)))


def input_gradients(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """Gradient of each query's logit with respect to its image: (N, 3, H, W). Arguments as above."""
    check_queries(images, image_index, class_index)

    def ask() -> Tensor:
        with undisturbed(network.module):
            gradients = images.new_zeros((len(image_index), *images.shape[1:]))
            for part in portions(images.detach(), image_index):
                asked = class_index[part.queries]
                gradients[part.queries] = _pixel_gradients(network.module, part, asked)
        return gradients

    return shared("input gradients", (network.module, images, image_index, class_index), ask)


def _pixel_gradients(module: nn.Module, part: Portion, class_index: Tensor) -> Tensor:
    """Gradients for some queries: (n, 3, H, W), by one forward pass where all ask about one image."""
    alone = len(part.images) == 1
    pixels = (part.images.clone() if alone else part.images[part.image_index]).requires_grad_()
    with forward_pass(pixels.device):
        logits = module(pixels.clone())  # a network may begin with an in-place operation
    check_logits(logits, len(pixels))
    received = one_hot(logits.expand(len(class_index), -1), class_index)
    backwards = torch.split(received, max(len(pixels), 1))
    last = len(backwards) - 1
    gradients = (
        torch.autograd.grad(logits, pixels, rows, retain_graph=turn < last)[0]
        for turn, rows in enumerate(backwards)
    )
    return torch.cat(list(gradients))


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
