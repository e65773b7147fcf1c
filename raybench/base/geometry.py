"""Sizes, points and boxes of pictures, in pixels."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """Height and width of an image, in pixels."""

    height: int
    width: int


class Point(NamedTuple):
    """A pixel: x is its column, y its row, both from 0 at the top left."""

    x: int
    y: int


class Box(NamedTuple):
    """Corners of a box in pixels from 0, both inclusive: it holds x0 <= x <= x1 and y0 <= y <= y1."""

    x0: int
    y0: int
    x1: int
    y1: int
