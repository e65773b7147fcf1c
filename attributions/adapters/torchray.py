"""TorchRay's own methods under the names `torchray.*`, so that a table can show the reference beside ours.

TorchRay is an optional package (the extra `torchray`, CC-BY-NC). The methods are registered where it is
installed; it is imported, and that takes seconds, when one of them is first called.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ..asking.copies.one_by_one import twin_of
from ..interface import NetworkLike, attribution
from ..queries import check_classes, check_logits, check_queries
from ..reading.capture import layer_of, layer_to_read

__all__ = ["contrastive_excitation_backprop", "excitation_backprop", "grad_cam", "gradient"]


def grad_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """TorchRay's Grad-CAM, one query at a time. See `grad_cam`."""
    name = layer_to_read(layer, network)
    return _one_by_one("grad_cam", network, images, image_index, class_index, saliency_layer=name)


def gradient(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """TorchRay's gradient, one query at a time. See `gradient`."""
    return _one_by_one("gradient", network, images, image_index, class_index)


def excitation_backprop(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """TorchRay's excitation backprop, one query at a time. See `excitation_backprop`."""
    name = layer_to_read(layer or network.excitation_layer, network)
    return _one_by_one("excitation_backprop", network, images, image_index, class_index, saliency_layer=name)


def contrastive_excitation_backprop(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
    contrast_layer: str | None = None,
) -> Tensor:
    """TorchRay's contrastive excitation backprop, one query at a time."""
    contrast = contrast_layer or network.contrast_layer
    if contrast is None:
        raise RaybenchError("torchray.contrastive_excitation_backprop needs the option contrast_layer")
    name = layer_to_read(layer or network.excitation_layer, network)
    return _one_by_one(
        "contrastive_excitation_backprop",
        network,
        images,
        image_index,
        class_index,
        saliency_layer=name,
        contrast_layer=contrast,
    )


def _one_by_one(
    method: str,
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    **layers: str,
) -> Tensor:
    """Call a method of TorchRay for each query: (N, h, w) float32, negative sums of shares set to zero.

    Raises:
        RaybenchError: a class or layer that the network does not have, or TorchRay fails on it.
    """
    check_queries(images, image_index, class_index)
    for name in layers.values():
        layer_of(network.module, name)
    call = _library(method)
    maps = []
    with torch.inference_mode(False), torch.enable_grad():
        twin = _twin(network.module)
        twin.register_forward_hook(lambda _module, _inputs, logits: _check_scores(logits, class_index))
        for image, target in zip(image_index.tolist(), class_index.tolist(), strict=True):
            pixels = images[image : image + 1].detach().clone()  # TorchRay makes its input require gradients
            with _failing_in_words(method, network.module, layers):
                maps.append(call(twin, pixels, target, **layers).detach()[:, 0])
    return torch.cat(maps).clamp(min=0).float() if maps else images.new_zeros((0, 1, 1), dtype=torch.float32)


def _check_scores(logits: Any, class_index: Tensor) -> None:
    """Refuse classes that the network has no scores of, before TorchRay asks for them."""
    check_logits(logits, 1)
    check_classes(logits, class_index)


@contextmanager
def _failing_in_words(method: str, module: nn.Module, layers: Mapping[str, str]) -> Iterator[None]:
    """Turn what TorchRay raises, which may be anything, into one sentence."""
    try:
        yield
    except (RaybenchError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        read = " at " + " and ".join(map(repr, layers.values())) if layers else ""
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise RaybenchError(
            f"TorchRay cannot run {method} on {type(module).__name__}{read}: {reason}; choose another layer, "
            f"or our own {method}"
        ) from error


def _library(method: str) -> Callable[..., Tensor]:
    """Import a method of TorchRay, which reads its version number in a way that newer Pythons warn of."""
    file = "excitation_backprop" if method.endswith("excitation_backprop") else method
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module(f"torchray.attribution.{file}")
    function: Callable[..., Tensor] = getattr(module, method)
    return function


def _twin(module: nn.Module) -> nn.Module:
    """Copy a network for TorchRay to work on.

    TorchRay negates weights, clears flags and leaves hooks behind when it fails; its rule for residual sums
    wants ResNets patched, and in-place layers fail it. The copy takes all of this.
    """
    twin = twin_of(module)
    library = importlib.import_module("torchray.attribution.excitation_backprop")
    for part in list(twin.modules()):
        if isinstance(part, library.ResNet):
            library.update_resnet(part)
    return twin


def _register() -> None:
    source = "TorchRay; Fong, Patrick & Vedaldi, ICCV 2019"
    for function in (grad_cam, gradient, excitation_backprop, contrastive_excitation_backprop):
        attribution(f"torchray.{function.__name__}", smoothed=function is gradient, source=source)(function)


if importlib.util.find_spec("torchray") is not None:
    _register()
