"""Where the tokens of a transformer lie in the picture, as far as its convolutions tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ...base import RaybenchError
from .layouts import MOST_PREFIX, Layout


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


def token_grid(length: int, sizes: Sequence[tuple[int, int]]) -> Layout:
    """Find the grid of a row of tokens: the last convolution whose places they can be, such as the patches'.

    Args:
        length: of the row, with the tokens that stand for no patch.
        sizes: what `convolved_sizes` noted.

    Raises:
        RaybenchError: no convolution fits.
    """
    for height, width in reversed(sizes):
        if 0 <= length - height * width <= MOST_PREFIX:
            return Layout("tokens", height, width, length - height * width)
    found = f"the last of them gives {sizes[-1][0]} x {sizes[-1][1]}" if sizes else "the network has none"
    raise RaybenchError(
        f"{length} tokens are no grid of places in the picture: no convolution gives as many places, or up "
        f"to {MOST_PREFIX} fewer ({found})"
    )


def convolved_reading(possible: Sequence[Layout], sizes: Sequence[tuple[int, int]]) -> Layout | None:
    """Choose the layout of tokens that the last fitting convolution speaks for, if one does."""
    for size in reversed(sizes):
        for one in possible:
            if one.kind == "tokens" and (one.height, one.width) == size:
                return one
    return None
