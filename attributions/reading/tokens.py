"""Turns what transformers compute, one row per patch of the picture, into maps (N, k, h, w)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError

__all__ = ["TokenGrid", "as_maps", "convolved_sizes", "grid_of_tokens", "token_grid"]

_MOST_PREFIX = 16
"""Tokens that stand for no patch: a class token, one for distillation, registers. Networks have 0 to 9."""


class TokenGrid(NamedTuple):
    """Where tokens lie in the picture.

    Attributes:
        height: rows of patches.
        width: columns of patches.
        prefix: tokens ahead of the patches that stand for none, such as the class token.
    """

    height: int
    width: int
    prefix: int = 0


def as_maps(tensor: Tensor, grid: TokenGrid) -> Tensor:
    """Return features, or gradients of them, as maps.

    Args:
        tensor: (N, k, h, w); (N, h, w, k); or (N, prefix + h * w, k), tokens row by row.
        grid: h, w and the number of tokens ahead.

    Returns:
        (N, k, h, w).

    Raises:
        RaybenchError: the tensor does not fit the grid.
    """
    height, width, prefix = grid
    shape = tuple(tensor.shape)
    if tensor.ndim == 4 and shape[2:] == (height, width):
        return tensor
    if tensor.ndim == 4 and shape[1:3] == (height, width):
        return tensor.permute(0, 3, 1, 2)
    if tensor.ndim == 3 and shape[1] == prefix + height * width:
        return tensor[:, prefix:].reshape(shape[0], height, width, shape[2]).permute(0, 3, 1, 2)
    raise RaybenchError(
        f"features {shape} do not fit a grid of {height} x {width} = {height * width} patches and "
        f"{prefix} tokens ahead of them"
    )


@contextmanager
def convolved_sizes(module: nn.Module) -> Iterator[list[tuple[int, int]]]:
    """While open, note the height and width that each convolution of a network gives, in order."""
    sizes: list[tuple[int, int]] = []

    def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            sizes.append((output.shape[2], output.shape[3]))

    handles = [part.register_forward_hook(note) for part in module.modules() if isinstance(part, nn.Conv2d)]
    try:
        yield sizes
    finally:
        for handle in handles:
            handle.remove()


def token_grid(length: int, sizes: Sequence[tuple[int, int]]) -> TokenGrid:
    """Find the grid of a row of tokens: the last convolution whose places they can be, such as the patches'.

    Args:
        length: of the row, with the tokens that stand for no patch.
        sizes: what `convolved_sizes` noted.

    Raises:
        RaybenchError: no convolution fits.
    """
    for height, width in reversed(sizes):
        if 0 <= length - height * width <= _MOST_PREFIX:
            return TokenGrid(height, width, length - height * width)
    found = f"the last of them gives {sizes[-1][0]} x {sizes[-1][1]}" if sizes else "the network has none"
    raise RaybenchError(
        f"{length} tokens are no grid of places in the picture: no convolution gives as many places, or up "
        f"to {_MOST_PREFIX} fewer ({found})"
    )


_GRIDS: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], TokenGrid]] = WeakKeyDictionary()


def grid_of_tokens(module: nn.Module, images: Tensor, length: int) -> TokenGrid:
    """Find the grid of layers that give `length` tokens for images (B, 3, H, W), by running one of them once.

    Raises:
        RaybenchError: no convolution of the network fits.
    """
    known = _GRIDS.setdefault(module, {})
    size = (*images.shape[2:], length)
    if size not in known:
        with torch.no_grad(), convolved_sizes(module) as sizes:
            module(images[:1])
        known[size] = token_grid(length, sizes)
    return known[size]
