"""What a layer has to give for a map to be read from it: feature maps (N, C, h, w)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError

__all__ = ["check_maps"]

Shape = tuple[int, ...]


def check_maps(module: nn.Module, layer: str, features: Tensor, images: Tensor) -> None:
    """Raise `RaybenchError` unless the layer's output is a stack of feature maps (N, C, h, w).

    Args:
        module: the network, in eval mode.
        layer: dotted name of the layer.
        features: what it gave.
        images: (B, 3, H, W), for which it did.
    """
    shape = tuple(features.shape)
    if len(shape) != 4:
        raise RaybenchError(f"layer {layer!r} gives features {shape}; expected feature maps (N, C, h, w)")
    if _may_be_channels_last(shape, images) and _is_channels_last(module, layer, shape, images[:1]):
        fitting = _next_layer_giving(module, layer, (shape[3], *shape[1:3]), images[:1])
        hint = f"the layer {fitting!r} does" if fitting else "choose a layer that does"
        raise RaybenchError(
            f"layer {layer!r} gives features with channels last, (N, h, w, C) = {shape}; a map is read from "
            f"features (N, C, h, w): {hint}"
        )


def _may_be_channels_last(shape: Shape, images: Tensor) -> bool:
    """Say whether the first two dimensions could be those of the picture made smaller, by a look alone."""
    height, width = images.shape[2:]
    # a quarter to four times: lengths are rounded, and small pictures by much
    return shape[1] <= height and 0.25 < (shape[1] * width) / (shape[2] * height) < 4


_CHANNELS_LAST: WeakKeyDictionary[nn.Module, dict[str, bool]] = WeakKeyDictionary()


def _is_channels_last(module: nn.Module, layer: str, shape: Shape, image: Tensor) -> bool:
    """Say whether the features' first dimension is a length in the picture, and the last is none.

    Tried once for each module and layer, on half the picture: the number of channels stays, whatever it is.
    """
    known = _CHANNELS_LAST.setdefault(module, {})
    if layer not in known:
        height, width = image.shape[2:]
        runs = _shapes(module, [layer], image[:, :, : height // 2, : width // 2])[layer]
        # a layer that runs twice may give something else each time
        known[layer] = len(runs) == 1 and runs[0][1] != shape[1] and runs[0][3] == shape[3]
    return known[layer]


def _next_layer_giving(module: nn.Module, layer: str, shape: Shape, image: Tensor) -> str:
    """Name the first layer behind `layer` whose output has the shape (C, h, w); empty if there is none."""
    names = [name for name, _ in module.named_modules()]
    names = names[names.index(layer) + 1 :]
    found = _shapes(module, names, image)
    return next((name for name in names if any(one[1:] == shape for one in found[name])), "")


def _shapes(module: nn.Module, layers: Iterable[str], image: Tensor) -> dict[str, list[Shape]]:
    """Shapes that layers give in a forward pass, each time they run; of tensors (1, ., ., .) alone."""
    shapes: dict[str, list[Shape]] = {layer: [] for layer in layers}

    def watch(layer: str) -> Any:
        def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4:
                shapes[layer].append(tuple(output.shape))

        return module.get_submodule(layer).register_forward_hook(note)

    handles = [watch(layer) for layer in shapes]
    try:
        with torch.no_grad():
            module(image)
    except Exception:
        pass  # it may want images of another size; what its layers gave before the error is known
    finally:
        for handle in handles:
            handle.remove()
    return shapes
