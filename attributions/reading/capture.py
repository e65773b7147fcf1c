"""Reads activations and gradients of a network, and leaves it exactly as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError, UnknownNameError
from ..arithmetic import forward_pass
from ..interface import NetworkLike
from ..queries import Portion, check_logits, check_queries, one_hot, portions
from ..sharing import shared
from .layouts import check_maps
from .tokens import as_maps, grid_of_tokens

__all__ = [
    "Capture",
    "altering",
    "captured",
    "features_and_gradients",
    "in_eval_mode",
    "input_gradients",
    "is_cut",
    "layer_of",
    "layer_to_read",
    "run_from",
    "undisturbed",
]


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
    name = layer_to_read(layer, network.target_layer)
    module = network.module

    check_queries(images, image_index, class_index)

    def ask() -> Capture:
        parts = portions(images.detach(), image_index)
        with undisturbed(module):
            found = [_capture(module, name, part, class_index[part.queries]) for part in parts]
        if len(found) == 1:
            return found[0]
        order = torch.cat([part.queries for part in parts]).argsort()
        return Capture(*(torch.cat(tensors)[order] for tensors in zip(*found, strict=True)))

    return shared(("features", name), (module, images, image_index, class_index), ask)


def _capture(module: nn.Module, layer: str, part: Portion, class_index: Tensor) -> Capture:
    """Features and gradients of some queries, by one forward and one backward pass."""
    with forward_pass(part.images.device):
        start, logits = run_from(module, layer, part.images, part.image_index)
    features = start.tensor
    grid = None
    if features.ndim == 3:  # tokens of a transformer
        grid = grid_of_tokens(module, part.images, features.shape[1])
    else:
        check_maps(module, layer, features, part.images)
    (gradients,) = torch.autograd.grad(logits, features, one_hot(logits, class_index))
    both = (features.detach(), gradients)
    return Capture(*(_at_least_float32(as_maps(one, grid) if grid else one) for one in both))


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


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """While open, gradients are on, the module is in eval mode and its parameters are frozen.

    On leaving, also by an exception, every mode and flag is as it was. Works inside `torch.no_grad()` and
    `torch.inference_mode()`.
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    with in_eval_mode(module):
        try:
            for parameter in trainable:
                parameter.requires_grad_(False)
            with torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            for parameter in trainable:
                parameter.requires_grad_(True)


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """While open, the module is in eval mode; on leaving, every part is in the mode that it was in."""
    training = [part for part in module.modules() if part.training]
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True


@dataclass
class Captured:
    """What a layer gave in the last of its `calls`."""

    layer: str
    output: Tensor | None = None
    calls: int = 0

    @property
    def tensor(self) -> Tensor:
        """The layer's output; raises `RaybenchError` if the layer did not run."""
        if self.output is None:
            raise RaybenchError(f"layer {self.layer!r} does not run in a forward pass; choose another layer")
        return self.output


@contextmanager
def captured(
    module: nn.Module, layer: str, *, cut: bool = False, rows: Tensor | None = None
) -> Iterator[Captured]:
    """While open, keep the output of `layer` of every forward pass.

    Args:
        module: the network.
        layer: dotted name of the layer.
        cut: let the graph begin at the layer, as if its output were an input of the network.
        rows: (N,) int64; with `cut`, the rest of the network runs on these rows of the output.
    """
    capture = Captured(layer)

    def keep(output: Tensor) -> Tensor:
        capture.calls += 1
        if cut:
            output = output.detach()
            output = (output.clone() if rows is None else output[rows]).requires_grad_()
        capture.output = output
        # the network goes on with a copy: it may work in place, as torchvision's ReLUs and residual sums do
        copy: Tensor = output.clone()
        return copy

    with altering(module, layer, keep):
        yield capture


@contextmanager
def altering(module: nn.Module, layer: str, alter: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While open, the network goes on with `alter(output)` behind a layer."""

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor):
            raise RaybenchError(f"layer {layer!r} returns a {type(output).__name__}; expected one tensor")
        return alter(output)

    handle = layer_of(module, layer).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def run_from(module: nn.Module, layer: str, images: Tensor, image_index: Tensor) -> tuple[Captured, Tensor]:
    """Run a frozen network so that the graph begins at `layer`, with one row there per query.

    Where the layer is a cut of the network, the part before it runs on B images, the part after it on N
    rows. Otherwise, for instance inside a residual block, all of the network runs on N images.

    Returns:
        The layer's output (its `tensor` has N rows and requires gradients) and the logits (N, C).
    """
    images = images.detach()
    cut = is_cut(module, layer, images)
    with captured(module, layer, cut=True, rows=image_index if cut else None) as start:
        logits = module(images if cut else images[image_index])
    n_rows = len(image_index)
    check_logits(logits, n_rows)
    if len(start.tensor) != n_rows:
        raise RaybenchError(
            f"layer {layer!r} gives {len(start.tensor)} rows for {n_rows} images; expected one per image"
        )
    if not logits.requires_grad:
        raise RaybenchError(f"the class scores do not depend on layer {layer!r}; choose another layer")
    return start, logits


_CUTS: WeakKeyDictionary[nn.Module, dict[str, bool]] = WeakKeyDictionary()


def is_cut(module: nn.Module, layer: str, images: Tensor) -> bool:
    """Say whether everything after `layer` depends on the images through the layer's output alone.

    Tried once for each module and layer: two images go in and the layer's output is replaced by three rows.
    A path around the layer still carries two rows, and the two do not fit together where they meet. A small
    corner of an image is enough, unless the network wants its images whole.
    """
    cuts = _CUTS.setdefault(module, {})
    if layer not in cuts:
        layer_of(module, layer)
        height, width = images.shape[2:]
        corner = images[:1, :, : max(64, height // 4), : max(64, width // 4)]
        cuts[layer] = _fits_as_cut(module, layer, corner) or _fits_as_cut(module, layer, images[:1])
    return cuts[layer]


def _fits_as_cut(module: nn.Module, layer: str, image: Tensor) -> bool:
    """Try `layer` as a cut on one image (1, 3, H, W)."""
    rows = torch.tensor([0, 1, 0], device=image.device)
    with captured(module, layer, cut=True, rows=rows) as start, undisturbed(module):
        try:
            return len(module(image.expand(2, -1, -1, -1))) == 3 and start.calls == 1
        except torch.OutOfMemoryError:
            raise  # says nothing about the layer
        except Exception:  # any misfit; an error of another cause comes again when the network runs
            return False


def layer_of(module: nn.Module, name: str) -> nn.Module:
    """Return the sub-module with the dotted `name`; raise `UnknownNameError` with the nearest names."""
    layers: dict[str, nn.Module] = dict(module.named_modules())
    if name not in layers:
        raise UnknownNameError(f"layer of {type(module).__name__}", name, layers)
    return layers[name]


def layer_to_read(*names: str | None) -> str:
    """Return the first layer that is named; raise `RaybenchError` if none is."""
    for name in names:
        if name:
            return name
    raise RaybenchError(
        "the method reads a layer, and the checkpoint names none; name target_layer in its card, or give the "
        "method the option layer"
    )


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
