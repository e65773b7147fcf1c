"""From a box as an annotation writes it to the pixels it stands for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from ....base import Box, Size
from ..region import BoxRegion
from ..sample import AnnotationError

CLAMPED = "a box reaches outside the picture; clamped"
DROPPED = "a box lies outside the picture; dropped"
ONE_PIXEL = "a box starts and ends at the same number; read as one pixel wide or high"
EMPTY_SLICE = "a box selects nothing under legacy_boxes, since it starts at 0 or lies outside; dropped"

_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


class WrittenBox(NamedTuple):
    """A box as ILSVRC and VOC write it: the first pixel has number 1, and the last one is inside.

    Some files use fractions, and ILSVRC uses 0 where a box touches the left or upper border.
    """

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    @property
    def flaw(self) -> str:
        """Why it cannot be a box in pixels, or empty."""
        if self.xmin > self.xmax or self.ymin > self.ymax:
            return (
                f"ends before it starts: x {self.xmin:g} to {self.xmax:g}, y {self.ymin:g} to {self.ymax:g}"
            )
        if all(0 <= corner <= 1 for corner in self) and any(corner % 1 for corner in self):
            return "is given in shares of the picture, from 0 to 1; expected pixels"
        return ""


def place_boxes(
    written: Iterable[WrittenBox], size: Size, *, legacy: bool
) -> tuple[tuple[Box, ...], tuple[str, ...]]:
    """Turn written boxes into pixels from 0, both corners inclusive, inside a picture of `size`.

    Fractions are rounded to the nearest pixel, halves up. A box that reaches outside is clamped; one that
    lies wholly outside is dropped.

    Args:
        written: the boxes, in the order of the annotation.
        size: (height, width) of the picture in pixels.
        legacy: select what the slice `[ymin - 1 : ymax, xmin - 1 : xmax]` of a mask selects, as the published
            code does: a box that starts at 0 selects nothing, since -1 counts from the far end.

    Returns:
        The boxes that are left, and one note for each that was changed or dropped.
    """
    boxes, notes = [], []
    for box in written:
        columns = _select(_pixel(box.xmin), _pixel(box.xmax), size.width, legacy=legacy)
        rows = _select(_pixel(box.ymin), _pixel(box.ymax), size.height, legacy=legacy)
        if not columns or not rows:
            notes.append(EMPTY_SLICE if legacy else DROPPED)
            continue
        boxes.append(Box(columns[0], rows[0], columns[-1], rows[-1]))
        if box.xmin == box.xmax or box.ymin == box.ymax:
            notes.append(ONE_PIXEL)
        as_written = (_pixel(box.xmin), _pixel(box.ymin), _pixel(box.xmax), _pixel(box.ymax))
        if boxes[-1] != tuple(corner - 1 for corner in as_written):
            notes.append(CLAMPED)
    return tuple(boxes), tuple(notes)


def region_of(
    written: Iterable[WrittenBox], size: Size, *, legacy: bool, place: str
) -> tuple[BoxRegion, tuple[str, ...]]:
    """Return the union of boxes with notes on those that were changed; see `place_boxes`.

    Raises:
        AnnotationError: a box has a flaw, or every box lies outside the picture; `place` says in the message
            whose boxes. Under `legacy` the region is empty instead where every box lies outside: the
            published code scores such a query as missed.
    """
    written = list(written)
    for box in written:
        if box.flaw:
            raise AnnotationError(f"{place}: a box {box.flaw}")
    boxes, notes = place_boxes(written, size, legacy=legacy)
    if not boxes and not legacy:
        raise AnnotationError(
            f"{place}: every box lies outside the picture of {size.width} x {size.height} pixels"
        )
    return BoxRegion(size, boxes), notes


def _select(first: int, last: int, length: int, *, legacy: bool) -> range:
    """Positions from 0 that the pixels first..last, numbered from 1, take in a row of `length` pixels."""
    return range(length)[(first - 1 if legacy else max(first - 1, 0)) : (last if legacy else max(last, 0))]


def _pixel(corner: float) -> int:
    return math.floor(corner + 0.5)


def plain_number(text: str) -> float:
    """Read a plain decimal number, which may be infinite; anything else is NaN."""
    return float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
