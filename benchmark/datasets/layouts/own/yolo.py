"""Reads objects as YOLO's tools write them: a text file for each picture, in shares of its sides."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from .....base import Size, quoted
from ...sample import AnnotationError
from ..boxes import WrittenBox, plain_number

_BEYOND = 0.001  # of a side, by which rounding may carry a box outside


class YoloObject(NamedTuple):
    """One line: the class's index, and a box, or a polygon of at least three corners in pixels."""

    class_index: int
    box: WrittenBox | None
    polygon: list[float]


def read_yolo(text: str, size: Size, classes: int, path: Path) -> list[YoloObject]:
    """Read one file: lines `class x y width height`, the centre first, or `class x1 y1 x2 y2 x3 y3 ...`.

    Args:
        text: what is in the file; no line stands for no object.
        size: (height, width) of the picture in pixels.
        classes: how many there are; they are written by their index.
        path: of the file, for messages.

    Raises:
        AnnotationError: a line is not of its form; names it.
    """
    return [
        _object(line.split(), size, classes, f"{path}, line {number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    ]


def _object(words: list[str], size: Size, classes: int, place: str) -> YoloObject:
    numbers = [_number(word, place) for word in words]
    if len(numbers) != 5 and (len(numbers) < 7 or len(numbers) % 2 == 0):
        raise AnnotationError(
            f"{place}: expected class x y width height, or a class and pairs of x and y, not "
            f"{quoted(' '.join(words))}"
        )
    class_index, shares = read_yolo_class(words[0], classes, place), numbers[1:]
    if any(not -_BEYOND <= share <= 1 + _BEYOND for share in shares):
        raise AnnotationError(
            f"{place}: {quoted(' '.join(words[1:]))} are no shares of the picture's sides, from 0 to 1"
        )
    if len(shares) > 4:
        scaled = [share * size[1 - number % 2] for number, share in enumerate(shares)]
        return YoloObject(class_index, None, scaled)
    x, y, width, height = shares
    if width <= 0 or height <= 0:
        raise AnnotationError(f"{place}: width and height are {words[3]} and {words[4]}; expected above 0")
    left, right = _span(x, width, size.width)
    top, bottom = _span(y, height, size.height)
    return YoloObject(class_index, WrittenBox(left, top, right, bottom), [])


def read_yolo_class(word: str, classes: int, place: str) -> int:
    """Read the index of a class; raise `AnnotationError` if it is none of so many."""
    number = _number(word, place)
    if number % 1 or not 0 <= number < classes:
        raise AnnotationError(
            f"{place}: the class is {word}; expected an index from 0 to {classes - 1}, as there are "
            f"{classes} classes"
        )
    return int(number)


def _span(middle: float, share: float, length: int) -> tuple[float, float]:
    """First and last pixel, numbered from 1, of a box whose edges are rounded to those of pixels."""
    first = math.floor((middle - share / 2) * length + 0.5)
    last = math.floor((middle + share / 2) * length + 0.5)
    return first + 1, max(first + 1, last)


def _number(word: str, place: str) -> float:
    number = plain_number(word)
    if not math.isfinite(number):
        raise AnnotationError(f"{place}: {quoted(word)} is no number; expected class x y width height")
    return number
