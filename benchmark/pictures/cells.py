"""One cell of the gallery: a picture with heat, the ground truth outlined and the point drawn, as a file."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray
from scipy import ndimage

from ...base import Point, Size
from .overlay import HIT_COLOUR, MISS_COLOUR, overlay

CELL_PX = 224
"""Longest side of a picture on the page."""
_RADIUS_PX = 5

Pixels = NDArray[np.uint8]


def cell_picture(
    picture: Pixels,
    region: NDArray[np.bool_],
    saliency: NDArray[np.float64] | None,
    point: Point | None,
    *,
    size: Size,
    hit: bool | None,
) -> PIL.Image.Image:
    """Draw a cell, at most 224 pixels wide and high.

    Args:
        picture: (h, w, 3) RGB.
        region: (h, w), the ground truth.
        saliency: (h', w'), non-negative; None for the picture alone.
        point: the most salient pixel of the original image; None for no mark.
        size: height and width of the original image.
        hit: whether the point hits: a green disc if it does, a red cross if not, a white ring if unknown.
    """
    painted = picture if saliency is None else overlay(picture, saliency)
    scale = min(1.0, CELL_PX / max(picture.shape[:2]))
    width, height = (max(1, round(side * scale)) for side in (picture.shape[1], picture.shape[0]))
    small = PIL.Image.fromarray(painted).resize((width, height), PIL.Image.Resampling.LANCZOS)
    mask = PIL.Image.fromarray(region.astype(np.uint8) * 255).resize((width, height))
    cell = PIL.Image.fromarray(outlined(np.asarray(small), np.asarray(mask) > 127))
    if point is not None:
        x, y = (point.x + 0.5) * width / size.width, (point.y + 0.5) * height / size.height
        _draw_point(cell, x, y, hit=hit)
    return cell


def outlined(picture: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Outline a region (h, w) in a picture (h, w, 3): two pixels of white inside, one of black around it.

    A region that touches the edge of the picture is closed there.
    """
    inside = ndimage.binary_erosion(mask, iterations=2)
    around = ndimage.binary_dilation(mask)
    painted = picture.copy()
    painted[around & ~mask] = 0
    painted[ndimage.binary_erosion(mask, iterations=3) ^ inside] = 0
    painted[mask & ~inside] = 255
    return painted


def _draw_point(cell: PIL.Image.Image, x: float, y: float, *, hit: bool | None) -> None:
    draw = PIL.ImageDraw.Draw(cell)
    r = _RADIUS_PX
    if hit is False:
        for colour, width in (("black", 7), ("white", 5), (MISS_COLOUR, 3)):
            more = 0 if width == 3 else 1
            for sign in (1, -1):
                ends = (x - r - more, y - sign * (r + more), x + r + more, y + sign * (r + more))
                draw.line(ends, fill=colour, width=width)
        return
    for colour, radius in (("black", r + 2), ("white", r + 1)):
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=colour if hit else None, outline=colour
        )
    if hit:
        draw.ellipse((x - r + 1, y - r + 1, x + r - 1, y + r - 1), fill=HIT_COLOUR)


def encoded(cell: PIL.Image.Image) -> bytes:
    """Encode a cell as WebP, some 5 kB."""
    buffer = io.BytesIO()
    cell.save(buffer, "WEBP", quality=62, method=4)
    return buffer.getvalue()
