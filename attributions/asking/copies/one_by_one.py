"""Asks functions that know of one module, one image and one class, and that may do anything to the module."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ....base import RaybenchError
from ...interface import NetworkLike
from ...queries import check_queries

Simple = Callable[[nn.Module, Tensor, int], Any]
"""From a module, an image (1, 3, H, W) and a class to one map (h, w), a tensor or an array."""


def twin_of(module: nn.Module) -> nn.Module:
    """Copy a network for others' code to work on: in eval mode, nothing in place, parameters frozen.

    The weights are not copied, they share their memory.
    """
    shared: dict[int, Any] = {id(buffer): buffer.detach() for buffer in module.buffers()}
    for parameter in module.parameters():
        shared[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
    twin = copy.deepcopy(module, shared).eval()
    for part in twin.modules():
        if hasattr(part, "inplace"):
            setattr(part, "inplace", False)  # noqa: B010 - nn.Module declares its attributes as tensors
    return twin


def one_by_one(
    name: str,
    call: Simple,
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
) -> Tensor:
    """Call a function for each query, with a twin of the module and the image's seed in global generators.

    Returns:
        (N, h, w) float32, on the device of the images.

    Raises:
        RaybenchError: the function fails, or returns no map.
    """
    check_queries(images, image_index, class_index)
    if not len(image_index):
        return images.new_zeros((0, 1, 1), dtype=torch.float32)
    maps = []
    with torch.inference_mode(False), torch.enable_grad():
        twin = twin_of(network.module)
        for image, target in zip(image_index.tolist(), class_index.tolist(), strict=True):
            pixels = images[image : image + 1].detach().clone()
            with _seeded(seeds[image], images.device):
                maps.append(_called(name, call, twin, pixels, target))
    shapes = {tuple(one.shape) for one in maps}
    if len(shapes) > 1:
        raise RaybenchError(f"attribution {name!r} returned maps of {sorted(shapes)} for images of one size")
    return torch.stack(maps)


def _called(name: str, call: Simple, twin: nn.Module, image: Tensor, class_index: int) -> Tensor:
    try:
        found = call(twin, image, class_index)
    except (RaybenchError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # others' code may fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise RaybenchError(
            f"attribution {name!r} cannot run on {type(twin).__name__}: {type(error).__name__}: {reason}"
        ) from error
    if not isinstance(found, (Tensor, np.ndarray)) or found.ndim != 2:
        what = f"{type(found).__name__} {tuple(getattr(found, 'shape', ()))}".removesuffix(" ()")
        raise RaybenchError(f"attribution {name!r} returned a {what}; expected one map (h, w)")
    return torch.as_tensor(found).detach().to(image.device, torch.float32)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """While open, torch and NumPy draw by a seed; then as if nothing had been drawn."""
    before = np.random.get_state()  # noqa: NPY002 - others' code draws from it
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
