"""What is asked of a network: which class of which image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..base import RaybenchError


class Portion(NamedTuple):
    """Some images of a batch with the queries that ask about them.

    Attributes:
        images: (b, 3, H, W).
        image_index: (n,) int64, into these images.
        queries: (n,) int64, which of the batch's N queries these are.
    """

    images: Tensor
    image_index: Tensor
    queries: Tensor


def portions(images: Tensor, image_index: Tensor) -> list[Portion]:
    """Split a batch for a method whose maps must not depend on the batch: on a CPU image by image.

    The rounding of a network's arithmetic depends on the size of the batch. In most maps it stays in the
    seventh digit, but it can flip a ReLU, which shows in a gradient, and contrastive shares cancel down to
    it. On a CPU a batch gains no speed over single images, unless they are tiny; accelerators get it whole.
    """
    if images.device.type != "cpu" or len(image_index) == 0:
        return [Portion(images, image_index, torch.arange(len(image_index), device=images.device))]
    return [
        Portion(images[image : image + 1], torch.zeros_like(queries), queries)
        for image, queries in by_image(image_index)
    ]


def in_order(parts: Sequence[Portion], made: Iterable[Tensor]) -> Tensor:
    """Join what was made of each portion's queries, a row each, in the order of the batch's: (N, ...)."""
    return torch.cat(list(made))[torch.cat([part.queries for part in parts]).argsort()]


def by_image(image_index: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield each image that is asked about, in ascending order, and which queries (n,) ask about it."""
    for image in sorted(set(image_index.tolist())):
        yield image, torch.where(image_index == image)[0]


def check_queries(images: Tensor, image_index: Tensor, class_index: Tensor) -> None:
    """Raise `RaybenchError` unless images are float (B, 3, H, W) and indices int64 (N,) on their device."""
    if images.ndim != 4 or not images.is_floating_point():
        raise RaybenchError(f"images are {_describe(images)}; expected a float tensor (B, 3, H, W)")
    for name, index in (("image_index", image_index), ("class_index", class_index)):
        if index.ndim != 1 or index.dtype != torch.int64 or index.device != images.device:
            raise RaybenchError(
                f"{name} is {_describe(index)}; expected an int64 tensor (N,) on {images.device}"
            )
    if len(image_index) != len(class_index):
        raise RaybenchError(
            f"image_index has {len(image_index)} entries and class_index {len(class_index)}; expected as many"
        )
    _check_range("image_index", image_index, len(images))


def check_logits(logits: Any, n_rows: int) -> None:
    """Raise `RaybenchError` unless the network returned one row of class scores per image: (n_rows, C)."""
    if not isinstance(logits, Tensor):
        raise RaybenchError(
            f"the network returns a {type(logits).__name__}; expected a tensor of class scores"
        )
    if logits.ndim != 2 or len(logits) != n_rows:
        raise RaybenchError(f"the network returns {_describe(logits)}; expected class scores ({n_rows}, C)")


def check_classes(logits: Tensor, class_index: Tensor) -> None:
    """Raise `RaybenchError` unless every class is one of the C that `logits` (N, C) has scores of."""
    _check_range("class_index", class_index, logits.shape[1])


def one_hot(logits: Tensor, class_index: Tensor) -> Tensor:
    """Gradient of each row's asked-for class score with respect to `logits`: (N, C) of zeros and ones."""
    check_classes(logits, class_index)
    return torch.zeros_like(logits).scatter_(1, class_index[:, None], 1)


def _check_range(name: str, index: Tensor, length: int) -> None:
    if index.device.type != "cpu" or len(index) == 0:
        return  # on an accelerator a look would wait for the device, which itself refuses a wrong index
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= length:
        raise RaybenchError(f"{name} {low if low < 0 else high} is out of range; expected 0 to {length - 1}")


def _describe(tensor: Tensor) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"{kind} {tuple(tensor.shape)} on {tensor.device}"
