"""How a layer's output lies in memory: which dimensions are places in the picture, and which channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from torch import Tensor

from ...base import RaybenchError

Kind = Literal["channels_first", "channels_last", "tokens"]
"""(N, k, h, w), (N, h, w, k) or (N, prefix + h * w, k)."""

MOST_PREFIX = 16
"""Tokens that stand for no patch: a class token, one for distillation, registers. Networks have 0 to 9."""


class Layout(NamedTuple):
    """One reading of a shape.

    Attributes:
        kind: which dimensions are places.
        height: rows of places.
        width: columns of places.
        prefix: of tokens, how many stand ahead of the places for none, such as the class token.
    """

    kind: Kind
    height: int
    width: int
    prefix: int = 0

    @property
    def channels(self) -> int:
        """The dimension that channels lie in."""
        return 1 if self.kind == "channels_first" else -1

    @property
    def words(self) -> str:
        """Say it to people."""
        ahead = f" behind {self.prefix} tokens" if self.prefix else ""
        return f"{self.kind} {self.height} x {self.width}{ahead}"


def as_maps(tensor: Tensor, layout: Layout) -> Tensor:
    """Return features, or gradients of them, as maps.

    Args:
        tensor: (N, k, h, w); (N, h, w, k); or (N, prefix + h * w, k), tokens row by row.
        layout: which of them, with h, w and the number of tokens ahead.

    Returns:
        (N, k, h, w).

    Raises:
        RaybenchError: the tensor does not fit the layout.
    """
    kind, height, width, prefix = layout
    shape = tuple(tensor.shape)
    if kind == "channels_first" and len(shape) == 4 and shape[2:] == (height, width):
        return tensor
    if kind == "channels_last" and len(shape) == 4 and shape[1:3] == (height, width):
        return tensor.permute(0, 3, 1, 2)
    if kind == "tokens" and len(shape) == 3 and shape[1] == prefix + height * width:
        return tensor[:, prefix:].reshape(shape[0], height, width, shape[2]).permute(0, 3, 1, 2)
    raise RaybenchError(
        f"features {shape} do not fit {kind} of {height} x {width} = {height * width} places and "
        f"{prefix} tokens ahead of them"
    )


def readings(shape: tuple[int, ...], size: tuple[int, int]) -> list[Layout]:
    """Name every layout that features of a shape (N, ...) may have, for pictures of `size`; may be none."""
    if len(shape) == 4:
        both = [Layout("channels_first", *shape[2:])]
        if min(shape[1:3]) > 1:  # a single row or column is no map that anyone would read
            both.append(Layout("channels_last", *shape[1:3]))
        return [one for one in both if _like_the_picture(one.height, one.width, size)]
    if len(shape) == 3:
        return list(_of_tokens(shape[1], size))
    return []


def _of_tokens(length: int, size: tuple[int, int]) -> Iterator[Layout]:
    for prefix in range(min(MOST_PREFIX, length - 1) + 1):
        places = length - prefix
        for height in range(1, min(places, size[0]) + 1):
            if places % height == 0 and _like_the_picture(height, places // height, size):
                yield Layout("tokens", height, places // height, prefix)


def _like_the_picture(height: int, width: int, size: tuple[int, int]) -> bool:
    """Say whether so many rows and columns may be the picture made smaller: its aspect within a third.

    A row or a column may be missing or too many, as sizes are rounded and borders cut off.
    """
    if not (1 <= height <= size[0] and 1 <= width <= size[1]):
        return False
    flattest, steepest = (height - 1) / (width + 1), (height + 1) / max(width - 1, 0.5)
    aspect = size[0] / size[1]
    return flattest <= 4 / 3 * aspect and steepest >= 3 / 4 * aspect
