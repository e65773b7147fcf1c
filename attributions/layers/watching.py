"""Watches and alters what layers give while a network runs, and leaves it exactly as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError, UnknownNameError
from ..interface import NetworkLike
from ..queries import check_logits


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


_SIDES = (96, 224)
"""Height and width of the pictures that a network is tried on: a small one, and what transformers want."""


def tried(network: NetworkLike, trial: Callable[[Tensor], object]) -> None:
    """Try something on a blank picture (1, 3, H, W) of a size that a network takes, if one of two is such.

    Raises:
        RaybenchError: the trial does.
    """
    like = next(network.module.parameters(), torch.zeros(()))
    sizes = [network.input_size] if network.input_size else [(side, side) for side in _SIDES]
    for size in sizes:
        with undisturbed(network.module):
            try:
                trial(like.new_zeros((1, 3, *size)))
            except (RaybenchError, torch.OutOfMemoryError):
                raise
            except Exception:  # it may want pictures of another size
                continue
            return
