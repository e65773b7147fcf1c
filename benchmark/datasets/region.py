"""Where an object is: the ground truth of a query, as boxes or as a mask."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...base import Box, Size

_MOST_PIXELS = 150_000_000  # of all masks of an image; to score maps there takes some 26 bytes for each


def unaffordable(size: Size, queries: int) -> str:
    """Say why an image of so many queries would take too much memory to be scored; empty if it does not."""
    if size.height * size.width * queries <= _MOST_PIXELS:
        return ""
    return (
        f"{queries} maps of {size.width} x {size.height} pixels, the size of the annotation, take too "
        f"much memory; up to {_MOST_PIXELS:,} pixels in all can be scored"
    )


class Region(ABC):
    """A set of pixels of one image, the union of all objects of the query's class."""

    size: Size
    boxes: tuple[Box, ...]
    """Those of the single objects, in the order of the annotation; empty where they are not known."""

    def misfit(self, size: Size) -> str:
        """Say why this is no region of a picture of `size`; empty if it is one."""
        if tuple(self.size) == tuple(size):
            return ""
        given, own = (" x ".join(map(str, reversed(one))) for one in (size, self.size))
        turned = "; height and width are swapped" if tuple(self.size) == tuple(size)[::-1] else ""
        return f"its region is of a picture of {own} pixels, and this one has {given}{turned}"

    @abstractmethod
    def mask(self) -> NDArray[np.bool_]:
        """Return the region as a bool array (H, W)."""

    @abstractmethod
    def near(self, tolerance_px: float) -> NDArray[np.bool_]:
        """Return which pixels lie strictly closer than `tolerance_px` to the region: a bool array (H, W).

        The distance is Euclidean, from pixel centre to the nearest pixel centre of the region, 0 inside. An
        empty region is near to nothing.
        """

    def window(
        self, rows: slice, columns: slice, tolerance_px: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return `mask` and `near` of some rows and columns alone."""
        return self.mask()[rows, columns], self.near(tolerance_px)[rows, columns]


@dataclass(frozen=True)
class BoxRegion(Region):
    """The union of boxes that lie inside the image; exact and fast, without a distance transform."""

    size: Size
    boxes: tuple[Box, ...]

    def misfit(self, size: Size) -> str:
        """See `Region.misfit`."""
        for number, box in enumerate(self.boxes, 1):
            x0, y0, x1, y1 = box
            named, whole = f"box {number}, {x0} {y0} {x1} {y1},", f"{self.size.width} x {self.size.height}"
            if not all(isinstance(corner, int | np.integer) for corner in box):
                return f"{named} has corners that are no whole pixels"
            if x1 < x0 or y1 < y0:
                return f"{named} ends before it begins; expected x0 y0 x1 y1"
            if min(x0, y0) < 0 or x1 >= self.size.width or y1 >= self.size.height:
                return f"{named} reaches out of the picture of {whole} pixels, which are counted from 0"
        return super().misfit(size)

    def mask(self) -> NDArray[np.bool_]:
        """See `Region.mask`."""
        mask = np.zeros(self.size, dtype=np.bool_)
        for box in self.boxes:
            mask[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = True
        return mask

    def near(self, tolerance_px: float) -> NDArray[np.bool_]:
        """See `Region.near`."""
        near = np.zeros(self.size, dtype=np.bool_)
        reaches = _reaches(tolerance_px, self.size)
        for box in self.boxes:
            for dy, reach in enumerate(reaches):
                columns = slice(max(0, box.x0 - reach), box.x1 + reach + 1)
                if dy == 0:
                    near[box.y0 : box.y1 + 1, columns] = True
                    continue
                if box.y0 >= dy:
                    near[box.y0 - dy, columns] = True
                if box.y1 + dy < self.size.height:
                    near[box.y1 + dy, columns] = True
        return near

    def window(
        self, rows: slice, columns: slice, tolerance_px: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """See `Region.window`; the rest is not drawn."""
        y = np.arange(rows.start, rows.stop)[:, None, None]
        x = np.arange(columns.start, columns.stop)[:, None]
        corners = np.array(self.boxes, dtype=np.int64).reshape(-1, 4)
        across = np.maximum(np.maximum(corners[:, 0] - x, x - corners[:, 2]), 0)
        down = np.maximum(np.maximum(corners[:, 1] - y, y - corners[:, 3]), 0)
        distance = np.sqrt(across * across + down * down).min(axis=2, initial=np.inf)
        return distance == 0, distance < tolerance_px


@dataclass(frozen=True, eq=False)
class MaskRegion(Region):
    """The union of instance masks: a bool array (H, W)."""

    pixels: NDArray[np.bool_]
    boxes: tuple[Box, ...] = ()

    def misfit(self, size: Size) -> str:
        """See `Region.misfit`."""
        if self.pixels.ndim != 2 or self.pixels.dtype != np.bool_:
            shape = " x ".join(map(str, self.pixels.shape))
            return f"its mask is {self.pixels.dtype} of {shape}; expected bool of height x width"
        return super().misfit(size)

    @property
    def size(self) -> Size:  # type: ignore[override]
        """(height, width) of the mask."""
        return Size(*self.pixels.shape)

    def mask(self) -> NDArray[np.bool_]:
        """See `Region.mask`."""
        return self.pixels

    def near(self, tolerance_px: float) -> NDArray[np.bool_]:
        """See `Region.near`.

        A disc is a stack of row segments. So the mask is widened along its rows, from the shortest segment of
        the disc to the longest, and each widened copy is laid over the result as many rows higher and lower
        as its segment lies from the middle of the disc. It runs on 64 pixels at a time, inside the bounding
        box of the mask plus the tolerance: an order of magnitude faster than a Euclidean distance transform,
        and equal to it.
        """
        near = np.zeros(self.size, dtype=np.bool_)
        reaches = _reaches(tolerance_px, self.size)
        rows, columns = np.flatnonzero(self.pixels.any(1)), np.flatnonzero(self.pixels.any(0))
        if not len(rows) or not reaches:
            return near
        window = (
            slice(max(0, int(rows[0]) - len(reaches) + 1), int(rows[-1]) + len(reaches)),
            slice(max(0, int(columns[0]) - reaches[0]), int(columns[-1]) + reaches[0] + 1),
        )
        wide = _pack(self.pixels[window])
        stack = np.zeros_like(wide)
        reached = 0
        for dy in reversed(range(len(reaches))):
            wide = _widen(wide, reached, reaches[dy])
            reached = reaches[dy]
            rest = max(0, len(wide) - dy)
            stack[dy:] |= wide[:rest]
            stack[:rest] |= wide[dy:]
        near[window] = _unpack(stack, near[window].shape[1])
        return near


def _reaches(tolerance_px: float, size: Size) -> list[int]:
    """Half-widths of the rows of a disc: entry dy is the largest dx with sqrt(dx^2 + dy^2) < tolerance_px.

    The list ends with the last row that the disc reaches; it is empty if the tolerance is not above 0. The
    square root is taken before comparing, as for a distance: sqrt(2) < t and 2 < t^2 differ in the last bit.
    """
    radius = min(tolerance_px, size.height + size.width)  # farther than any two pixels of the image
    square = math.ceil(max(0.0, radius) ** 2)
    while square >= 0 and math.sqrt(square) >= radius:
        square -= 1
    return [math.isqrt(square - dy * dy) for dy in range(math.isqrt(square) + 1)] if square >= 0 else []


def _pack(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack the rows of a mask (H, W) into words (H, ceil(W / 64)): column x is bit x % 64 of word x // 64."""
    packed = np.packbits(mask, axis=1, bitorder="little")
    words = np.zeros((mask.shape[0], -(-mask.shape[1] // 64) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view("<u8")


def _unpack(words: NDArray[np.uint64], width: int) -> NDArray[np.bool_]:
    """Undo `_pack`; the bits past `width` are dropped."""
    return np.unpackbits(words.view(np.uint8), axis=1, count=width, bitorder="little").view(np.bool_)


def _widen(words: NDArray[np.uint64], reached: int, reach: int) -> NDArray[np.uint64]:
    """Widen every run of packed pixels, which was widened by `reached` to each side before, to `reach`.

    Copies shifted by at most reached + 1 leave no gap, also where a run is cut off by the edge, so that few
    shifts are enough.
    """
    while reached < reach:
        step = min(reach - reached, reached + 1, 63)
        bits, carry = np.uint64(step), np.uint64(64 - step)
        wider = words | (words << bits) | (words >> bits)
        wider[:, 1:] |= words[:, :-1] >> carry
        wider[:, :-1] |= words[:, 1:] << carry
        words = wider
        reached += step
    return words
