"""Draws maps of several networks, classes and methods over one picture, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...base import Point
from .drawing.style import INK, shortened
from .overlay import bare, draw_point, overlay

_WIDTH = 2.6
"""Of a picture, in inches."""


def side_by_side_figure(
    image: PIL.Image.Image, maps: NDArray[np.floating], *, rows: Sequence[str], columns: Sequence[str]
) -> Figure:
    """Show a picture, and beside it every map laid over it, with its most salient pixel.

    Args:
        image: at its original size.
        maps: (R, C, H, W), non-negative, at the size of the image.
        rows: what the R rows are, such as networks and classes, in up to two lines.
        columns: what the C columns are, such as methods.
    """
    picture = np.asarray(image.convert("RGB"))
    height, width = picture.shape[:2]
    high = _WIDTH * min(height / width, 1.6)
    size = (_WIDTH * (1 + len(columns)), (high + 0.4) * len(rows))
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    grid = figure.subplots(len(rows), 1 + len(columns), squeeze=False)
    for axes, row, over in zip(grid, rows, maps, strict=True):
        axes[0].imshow(picture)
        lines = [shortened(line, 36) for line in row.split("\n")]
        axes[0].set_title("\n".join(lines), fontsize=9, color=INK)
        for axis, column, saliency in zip(axes[1:], columns, over, strict=True):
            axis.imshow(overlay(picture, saliency))
            axis.set_title(shortened(column, 36), fontsize=9, color=INK)
            y, x = divmod(int(saliency.argmax()), width)
            draw_point(axis, Point(x, y), size=7)
        for axis in axes:
            bare(axis)
    return figure
