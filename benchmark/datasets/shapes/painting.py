"""Paints silhouettes into a picture and keeps account of whose pixels are whose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from .silhouettes import CLASS_NAMES, Polygon, Silhouette
from .textures import PATTERNS, Pixels, contrasting, random_colour, surface

NOBODY = -1
"""Owner of pixels that belong to no object."""

_OVERSAMPLING = 4
_TYPICAL_HUE = 0.85
"""How often a thing has the hue of the class it looks like, instead of any."""
_VIVID = 0.7
_HUES = tuple(index * 5 % len(CLASS_NAMES) / len(CLASS_NAMES) for index in range(len(CLASS_NAMES)))
"""Hue of each class, 0 to 1; classes that share a pattern lie on opposite sides of the colour circle."""


@dataclass(frozen=True)
class Brush:
    """Paints things over one another.

    Attributes:
        generator: draws pose, colours and textures.
        canvas: (H, W, 3) float32, RGB from 0 to 255, painted in place.
        owner: (H, W) int8, the number of the object whose pixel it is, or `NOBODY`; written in place.
    """

    generator: np.random.Generator
    canvas: Pixels
    owner: NDArray[np.int8]

    def paint(
        self, thing: Silhouette, x: float, y: float, radius: float, *, look: int, number: int = NOBODY
    ) -> None:
        """Paint a thing of `radius` pixels around (x, y); it owns the pixels that it covers by half.

        Args:
            thing: what to paint.
            x: column of the centre, in pixels.
            y: row of the centre, in pixels.
            radius: half the size of the silhouette's square, in pixels.
            look: index of the class whose pattern and hue it wears.
            number: of the object; `NOBODY` for clutter, which lies in any direction.
        """
        half = int(np.ceil(radius * 1.25)) + 1
        left, top = round(x) - half, round(y) - half
        height, width = self.owner.shape
        rows = slice(max(top, 0), min(top + 2 * half, height))
        columns = slice(max(left, 0), min(left + 2 * half, width))
        inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
        pose = self._draw_pose(radius, tilt=np.pi if number == NOBODY else 0.45)
        cover, accent, rim = (part[inside][..., None] for part in _rasterise(thing, pose, half))
        paint = self._draw_surface(look, 2 * half)[inside]
        paint = (
            paint + (contrasting(random_colour(self.generator, vivid=True), self.generator) - paint) * accent
        )
        paint = paint * (1 - np.float32(self.generator.uniform(0.2, 0.75)) * rim)
        self.canvas[rows, columns] += (paint - self.canvas[rows, columns]) * cover
        self.owner[rows, columns][cover[..., 0] > 0.5] = number

    def _draw_pose(self, radius: float, tilt: float) -> NDArray[np.float64]:
        """Matrix (2, 2) from outline coordinates to pixels: tilted, stretched a little, mirrored or not."""
        angle = self.generator.uniform(-tilt, tilt)
        cosine, sine = np.cos(angle), np.sin(angle)
        stretch = radius * self.generator.uniform(0.85, 1.12, 2) * (self.generator.choice((-1, 1)), 1)
        return np.array([[cosine, -sine], [sine, cosine]]) * stretch

    def _draw_surface(self, look: int, size: int) -> Pixels:
        """Texture (size, size, 3) as the class `look` wears it."""
        typical = self.generator.random() < _TYPICAL_HUE
        hue = _HUES[look] + self.generator.normal(0, 0.03) if typical else None
        colour = random_colour(self.generator, vivid=self.generator.random() < _VIVID, hue=hue)
        return surface(self.generator, PATTERNS[look % len(PATTERNS)], size, colour)


def blob(generator: np.random.Generator) -> Silhouette:
    """A meaningless thing: a rounded or a jagged random polygon."""
    corners = int(generator.integers(3, 9))
    angle = np.sort(generator.uniform(0, 2 * np.pi, corners))
    radius = generator.uniform(0.55, 1, corners)
    if generator.random() < 0.5:
        turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        radius = 0.75 + 0.2 * np.sin(turn * generator.integers(1, 4) + angle[0]) * radius[0]
        angle = turn
    return Silhouette(body=(np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1),))


def stick(generator: np.random.Generator) -> Silhouette:
    """A thin bar that may lie across an object."""
    half = generator.uniform(0.05, 0.12)
    return Silhouette(body=(np.array([(-1, -half), (1, -half), (1, half), (-1, half)]),))


def _rasterise(
    thing: Silhouette, pose: NDArray[np.float64], half: int
) -> tuple[Pixels, Pixels, NDArray[np.float32]]:
    """Coverage of the thing, of its accents and of its rim: three arrays (2 * half, 2 * half), 0 to 1."""
    whole = _fill((*thing.body, *thing.detail), pose, half)
    core = whole.copy()  # less a rim of one pixel: the least covered of each pixel and its neighbours
    for near, far in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        core[near] = np.minimum(core[near], whole[far])
        core[:, near] = np.minimum(core[:, near], whole[:, far])
    return whole, _fill(thing.detail, pose, half), whole - core


def _fill(polygons: tuple[Polygon, ...], pose: NDArray[np.float64], half: int) -> Pixels:
    """Coverage (2 * half, 2 * half) by the union of the polygons, drawn larger and averaged."""
    image = PIL.Image.new("L", (2 * half * _OVERSAMPLING,) * 2)
    draw = PIL.ImageDraw.Draw(image)
    for polygon in polygons:
        draw.polygon([(x, y) for x, y in (polygon @ pose.T + half) * _OVERSAMPLING], fill=255)
    return np.asarray(image.reduce(_OVERSAMPLING), np.float32) / np.float32(255)
