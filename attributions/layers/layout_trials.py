"""Which layout a layer of a network has, found by trying, or refused."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ..interface import NetworkLike
from .layouts import Layout, as_maps, readings
from .search.places import NOT_AGAINST, SURE, best_reading, quartered_pictures
from .tokens import convolved_reading, convolved_sizes
from .watching import captured, undisturbed

Shape = tuple[int, ...]

_KNOWN: WeakKeyDictionary[nn.Module, dict[tuple[str, Shape], Layout]] = WeakKeyDictionary()


def maps_at(network: NetworkLike, layer: str, features: Tensor, images: Tensor) -> tuple[Tensor, Layout]:
    """Return what a layer gave as maps (N, k, h, w), and its layout.

    Args:
        network: the classifier.
        layer: dotted name.
        features: (N, ...), what it gave.
        images: (B, 3, H, W), for which it did.

    Raises:
        RaybenchError: the features are no maps, or may be read in several ways that no trial decides.
    """
    layout = layout_of(network, layer, images, tuple(features.shape))
    return as_maps(features, layout), layout


def layout_of(network: NetworkLike, layer: str, images: Tensor, shape: Shape | None = None) -> Layout:
    """Find the layout of a layer for images (B, 3, H, W), tried once for each size.

    Args:
        network: the classifier.
        layer: dotted name.
        images: their size, kind and device count.
        shape: of what the layer gave for them, if that is known.

    Raises:
        RaybenchError: as `maps_at`.
    """
    known = _KNOWN.setdefault(network.module, {})
    size = (images.shape[2], images.shape[3])
    if (layer, size) not in known:
        with undisturbed(network.module), torch.no_grad():
            found = _found(network, layer, images, shape or _shape(network.module, layer, images[:1]))
        known[layer, size] = found
    return known[layer, size]


def _found(network: NetworkLike, layer: str, images: Tensor, shape: Shape) -> Layout:
    if len(shape) not in (3, 4):
        raise RaybenchError(
            f"layer {layer!r} gives features {shape}; expected feature maps (N, C, h, w) or (N, h, w, C), or "
            "tokens (N, places, C)"
        )
    height, width = images.shape[2:]
    possible = readings(shape, (height, width))
    said = network.layout if layer == network.target_layer else "auto"
    if said != "auto":
        possible = [one for one in possible if one.kind == said]
    if len(shape) == 4:
        if said in ("auto", "channels_first") and "channels_last" not in [one.kind for one in possible]:
            return Layout("channels_first", *shape[2:])
        if said == "auto":
            resized = _by_resizing(network.module, layer, shape, images[:1])
            if resized:
                return resized
    else:
        possible = _of_known_prefix(network.module, layer, possible, images[:1])
    if said != "auto" and len(possible) == 1:
        return possible[0]
    if possible:
        best, sure = _by_quarters(network, layer, images, possible)
        if sure:
            return best
    listed = " or ".join(one.words for one in possible[:2]) or "nothing that looks like the picture"
    raise RaybenchError(
        f"layer {layer!r} gives features {shape}, which may be {listed}, and trying does not tell; choose "
        "another layer, or name the layout of the target layer in the card (layout: channels_first, "
        "channels_last or tokens)"
    )


def _by_resizing(module: nn.Module, layer: str, shape: Shape, image: Tensor) -> Layout | None:
    """Tell channels, whose number stays, from lengths, which do not, on half the picture, if that runs."""
    height, width = image.shape[2:]
    try:
        small = _shape(module, layer, image[:, :, : height // 2, : width // 2])
    except torch.OutOfMemoryError:
        raise  # says nothing about the layer
    except Exception:  # it may want images of one size
        return None
    if len(small) != 4 or (small[1] == shape[1]) == (small[3] == shape[3]):
        return None
    if small[1] == shape[1]:
        return Layout("channels_first", *shape[2:])
    return Layout("channels_last", *shape[1:3])


def _of_known_prefix(module: nn.Module, layer: str, possible: list[Layout], image: Tensor) -> list[Layout]:
    """Narrow layouts of tokens to what another size of picture, and the network's convolutions, tell."""
    prefixes = {one.prefix for (name, _), one in _KNOWN.get(module, {}).items() if name == layer}
    if not prefixes:
        return possible
    possible = [one for one in possible if one.prefix in prefixes]
    if len(possible) > 1:
        with convolved_sizes(module) as sizes:
            module(image)
        return [one for one in possible if (one.height, one.width) in sizes] or possible
    return possible


def _by_quarters(
    network: NetworkLike, layer: str, images: Tensor, possible: list[Layout]
) -> tuple[Layout, bool]:
    """Choose a layout by what changes in quarters of the picture do, and say whether that is sure."""
    pictures = quartered_pictures(network, (images.shape[2], images.shape[3])).to(images)
    # one after the other: a network may give its rows otherwise for several pictures
    with convolved_sizes(network.module) as sizes:
        rows = [_output(network.module, layer, picture[None]) for picture in pictures]
    convolved = convolved_reading(possible, sizes)
    best, by = best_reading(torch.cat(rows), possible, convolved)
    return best, by > (NOT_AGAINST if best == convolved else SURE)


def _shape(module: nn.Module, layer: str, image: Tensor) -> Shape:
    return tuple(_output(module, layer, image).shape)


def _output(module: nn.Module, layer: str, image: Tensor) -> Tensor:
    with captured(module, layer) as capture:
        module(image)
    return capture.tensor.detach()
