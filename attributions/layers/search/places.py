"""Which places of a layer follow which places of the picture, found by changing parts of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...interface import NetworkLike
from ...seeds import generator
from ..layouts import Layout, as_maps

SURE = 1.15
"""A layout is believed where a change does so many times to its own quarter what it does elsewhere."""

NOT_AGAINST = 0.9
"""With this margin a layout that something else speaks for is believed: attention blurs, it moves nothing."""

_CLEARLY = 1.05
_PATCHES = 12

_QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))


def _noise(network: NetworkLike, size: tuple[int, int], number: int) -> Tensor:
    """Noise of three scales between black and white, the same in every call: (3, H, W)."""
    drawn = generator(0, "places", number)
    height, width = size
    total = torch.zeros(1, 3, height, width)
    for coarse in (1, 4, 16):
        small = torch.rand(1, 3, -(-height // coarse), -(-width // coarse), generator=drawn)
        total += F.interpolate(small, size, mode="nearest") / 3
    low, high = (bound.detach().cpu().float() for bound in network.input_range)
    return low + (high - low) * total[0]


def quartered_pictures(network: NetworkLike, size: tuple[int, int]) -> Tensor:
    """A picture of noise, and four copies of it with one quarter each replaced: (5, 3, H, W) float32."""
    base, other = _noise(network, size, 0), _noise(network, size, 1)
    pictures = base.repeat(5, 1, 1, 1)
    for picture, quarter in zip(pictures[1:], _QUARTERS, strict=True):
        rows, columns = (_half(length, part) for length, part in zip(size, quarter, strict=True))
        picture[:, rows, columns] = other[:, rows, columns]
    return pictures


def patched_pictures(network: NetworkLike, size: tuple[int, int]) -> tuple[Tensor, list[tuple[float, float]]]:
    """The picture of noise, and twelve copies with one patch each replaced, with the patches' middles.

    Returns:
        (13, 3, H, W) float32, and for each patch how far down and to the right it lies, 0 to 1.
    """
    base, other = _noise(network, size, 0), _noise(network, size, 1)
    pictures, middles = base.repeat(1 + _PATCHES, 1, 1, 1), []
    height, width = (max(1, length // 6) for length in size)
    for number in range(_PATCHES):
        # three rows of four, moved on by a little from row to row so that no two stand in one column
        down = (1 + 2 * (number // 4)) / 6
        right = (1 + 2 * (number % 4)) / 8 + (number // 4 - 1) / 24
        top, left = round(down * size[0] - height / 2), round(right * size[1] - width / 2)
        pictures[1 + number, :, top : top + height, left : left + width] = other[
            :, top : top + height, left : left + width
        ]
        middles.append(((top + height / 2) / size[0], (left + width / 2) / size[1]))
    return pictures, middles


def margin(features: Tensor, layout: Layout) -> float:
    """Say how well places keep their place under a layout: more than 1 where they do.

    For each quarter of the picture the mean change inside of it by the largest in another quarter; the
    smallest of the four. 0 for less than two rows or columns, and where nothing changes.

    Args:
        features: of `quartered_pictures`, (5, ...).
        layout: that is tried.
    """
    if min(layout.height, layout.width) < 2:
        return 0.0
    maps = as_maps(features, layout).detach().double()
    change = (maps[1:] - maps[:1]).abs().mean(dim=1)  # (4, h, w)
    rows, columns = (
        [_half(layout.height, part) for part in (0, 1)],
        [_half(layout.width, part) for part in (0, 1)],
    )
    means = torch.stack(
        [change[:, rows[down], columns[right]].mean(dim=(1, 2)) for down, right in _QUARTERS], dim=1
    )
    inside = means.diagonal()
    outside = means.masked_fill(torch.eye(4, dtype=torch.bool, device=means.device), 0).amax(dim=1)
    ratios = torch.where(inside > 0, inside / outside, 0.0)  # infinite where nothing else changes
    return float(ratios.nan_to_num(0.0, posinf=1e9).min())


def best_reading(
    features: Tensor, layouts: list[Layout], spoken_for: Layout | None = None
) -> tuple[Layout, float]:
    """Choose the layout under which places keep their place best, and say how well.

    Of layouts that are nearly as good the first wins, that with the fewest tokens ahead, or the one that
    something else speaks for.
    """
    found = {one: margin(features, one) for one in layouts}
    best = layouts[0]
    for one in layouts[1:]:
        if found[one] > _CLEARLY * found[best]:
            best = one
    if spoken_for and found[spoken_for] >= NOT_AGAINST * min(found[best], SURE):
        best = spoken_for
    return best, found[best]


def followed(features: Tensor, layout: Layout, middles: list[tuple[float, float]]) -> int:
    """Count the patches whose change is largest within a cell of themselves.

    Args:
        features: of `patched_pictures`, (13, ...).
        layout: that is confirmed.
        middles: of the patches.
    """
    maps = as_maps(features, layout).detach().double()
    change = (maps[1:] - maps[:1]).abs().mean(dim=1)
    peaks = change.flatten(1).argmax(dim=1).tolist()
    near = 0
    for peak, (down, right) in zip(peaks, middles, strict=True):
        row, column = divmod(peak, layout.width)
        below = abs(row + 0.5 - down * layout.height) - layout.height / 12  # beyond half a patch
        beside = abs(column + 0.5 - right * layout.width) - layout.width / 12
        near += max(below, beside) <= 1
    return near


def _half(length: int, part: int) -> slice:
    """The first or the last half, without the middle of an odd number."""
    return slice(0, length // 2) if part == 0 else slice(length - length // 2, length)
