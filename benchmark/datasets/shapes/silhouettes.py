"""The outlines of the shape classes: a few polygons each, in a square from -1 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
"""Corners (P, 2) as x (to the right) and y (downwards)."""


@dataclass(frozen=True)
class Silhouette:
    """What one class looks like, up to colour and pose.

    Attributes:
        body: polygons filled with the object's texture.
        detail: polygons painted over the body in an accent colour; they belong to the object.
    """

    body: tuple[Polygon, ...]
    detail: tuple[Polygon, ...] = ()


def _polygon(*corners: tuple[float, float]) -> Polygon:
    return np.array(corners, dtype=np.float64)


def _ellipse(x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360) -> Polygon:
    """Polygon of an ellipse, or of its arc from `start` to `end` degrees (clockwise from the right)."""
    angle = np.radians(np.linspace(start, end, 33))
    return np.stack((x + rx * np.cos(angle), y + ry * np.sin(angle)), axis=1)


def _box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return _polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _mirrored(*polygons: Polygon) -> tuple[Polygon, ...]:
    """The polygons and their mirror images, left to right."""
    return (*polygons, *(polygon * (-1, 1) for polygon in polygons))


def _turned(polygon: Polygon, times: int) -> tuple[Polygon, ...]:
    """`times` copies of the polygon, spread evenly around the centre."""
    copies = []
    for angle in np.arange(times) * 2 * np.pi / times:
        cosine, sine = np.cos(angle), np.sin(angle)
        copies.append(polygon @ np.array([[cosine, sine], [-sine, cosine]]))
    return tuple(copies)


def _ring(x: float, y: float, outer: float, inner: float) -> Polygon:
    """A ring as one polygon: around the outside, then back around the inside."""
    return np.concatenate((_ellipse(x, y, outer, outer), _ellipse(x, y, inner, inner)[::-1]))


def _arc(x: float, y: float, outer: float, inner: float, start: float, end: float) -> Polygon:
    """A part of a ring, from `start` to `end` degrees."""
    return np.concatenate(
        (_ellipse(x, y, outer, outer, start, end), _ellipse(x, y, inner, inner, start, end)[::-1])
    )


_LEAF_SIDE = np.linspace(-1, 1, 25)
_LEAF_HALF = np.stack((0.5 * np.cos(_LEAF_SIDE * np.pi / 2) ** 0.8 * (1 - 0.25 * _LEAF_SIDE), _LEAF_SIDE), 1)

SILHOUETTES: dict[str, Silhouette] = {
    "anchor": Silhouette(
        body=(
            _box(-0.13, -0.6, 0.13, 0.9),
            _arc(0, 0.05, 0.95, 0.67, 15, 165),
            *_mirrored(_polygon((0.55, 0.45), (0.98, -0.15), (1.0, 0.55))),
            _box(-0.5, -0.42, 0.5, -0.2),
        ),
        detail=(_ring(0, -0.74, 0.26, 0.11),),
    ),
    "butterfly": Silhouette(
        body=_mirrored(_ellipse(0.5, -0.38, 0.48, 0.5), _ellipse(0.4, 0.42, 0.36, 0.4)),
        detail=(
            _ellipse(0, 0.05, 0.12, 0.75),
            *_mirrored(_polygon((0.03, -0.6), (0.3, -1.0), (0.38, -0.95), (0.1, -0.55))),
        ),
    ),
    "cup": Silhouette(
        body=(
            _polygon((-0.85, -0.6), (0.5, -0.6), (0.36, 0.75), (-0.7, 0.75)),
            _arc(0.45, 0.0, 0.48, 0.26, -85, 85),
        ),
        detail=(_ellipse(-0.175, -0.6, 0.68, 0.2),),
    ),
    "fish": Silhouette(
        body=(
            _ellipse(-0.2, 0, 0.76, 0.48),
            _polygon((0.4, 0), (1.0, -0.55), (0.84, 0), (1.0, 0.55)),
            _polygon((-0.3, -0.4), (0.1, -0.78), (0.28, -0.3)),
        ),
        detail=(_ellipse(-0.62, -0.1, 0.11, 0.11), _polygon((-0.25, 0.05), (0.1, 0.0), (0.08, 0.3))),
    ),
    "flower": Silhouette(
        body=_turned(_ellipse(0, -0.6, 0.34, 0.4), 6),
        detail=(_ellipse(0, 0, 0.34, 0.34),),
    ),
    "house": Silhouette(
        body=(_box(-0.68, -0.15, 0.68, 0.85), _box(0.32, -0.85, 0.55, -0.2)),
        detail=(
            _polygon((-0.95, -0.1), (0, -0.95), (0.95, -0.1)),
            _box(-0.16, 0.32, 0.18, 0.85),
            *_mirrored(_box(0.32, 0.1, 0.55, 0.36)),
        ),
    ),
    "key": Silhouette(
        body=(
            _ring(-0.52, 0, 0.47, 0.2),
            _box(-0.12, -0.12, 0.98, 0.12),
            _box(0.78, 0.1, 0.98, 0.5),
            _box(0.42, 0.1, 0.6, 0.42),
        ),
    ),
    "leaf": Silhouette(
        body=(np.concatenate((_LEAF_HALF, _LEAF_HALF[::-1] * (-1, 1))),),
        detail=(
            _polygon((-0.04, -0.7), (0.04, -0.7), (0.06, 1.0), (-0.06, 1.0)),
            *_mirrored(
                _polygon((0.02, 0.1), (0.4, -0.25), (0.42, -0.17), (0.02, 0.22)),
                _polygon((0.02, 0.5), (0.42, 0.15), (0.44, 0.23), (0.02, 0.62)),
            ),
        ),
    ),
    "mushroom": Silhouette(
        body=(_ellipse(0, 0.05, 0.92, 0.9, 180, 360),),
        detail=(_polygon((-0.24, 0.05), (0.24, 0.05), (0.34, 0.9), (-0.34, 0.9)),),
    ),
    "rocket": Silhouette(
        body=(
            np.concatenate((_ellipse(0, 0.1, 0.38, 1.08, 180, 360), _box(-0.34, 0.1, 0.34, 0.6)[2:])),
            *_mirrored(_polygon((0.3, 0.05), (0.72, 0.75), (0.3, 0.55))),
        ),
        detail=(_ellipse(0, -0.25, 0.18, 0.18), _polygon((-0.24, 0.6), (0.24, 0.6), (0, 1.0))),
    ),
    "tree": Silhouette(
        body=(
            _polygon((0, -1.0), (0.48, -0.35), (-0.48, -0.35)),
            _polygon((0, -0.65), (0.64, 0.1), (-0.64, 0.1)),
            _polygon((0, -0.25), (0.8, 0.6), (-0.8, 0.6)),
        ),
        detail=(_box(-0.16, 0.58, 0.16, 0.98),),
    ),
    "umbrella": Silhouette(
        body=(
            np.concatenate(
                (
                    _ellipse(0, 0, 0.96, 0.92, 180, 360),
                    *(_ellipse(x, 0, 0.24, 0.15, 0, -180) for x in (0.72, 0.24, -0.24, -0.72)),
                )
            ),
        ),
        detail=(_box(-0.06, -0.1, 0.06, 0.7), _arc(0.18, 0.68, 0.25, 0.13, 0, 180)),
    ),
}
"""Outline of each class by its name."""

CLASS_NAMES: tuple[str, ...] = tuple(sorted(SILHOUETTES))
"""Class names in the order of their indices."""
