"""Draws one scene: a labelled object among smaller objects of other classes and meaningless clutter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .painting import NOBODY, Brush, blob, stick
from .silhouettes import CLASS_NAMES, SILHOUETTES
from .textures import background

_SHORT_SIDE_PX = (96, 128)
_LONGEST_SIDE_PX = 160
_LABEL_RADIUS = (0.2, 0.3)
"""Radius of the labelled object, as a share of the shorter side of the picture."""
_COMPANIONS = (0.1, 0.2, 0.35, 0.35)
"""Probability of no, one, two and three objects of other classes."""
_COMPANION_RADIUS = (0.45, 0.65)
"""As a share of the labelled object's radius: the labelled one is always clearly the largest."""
_BLOBS = (6, 10)
_STICKS = (0, 3)
_CLUTTER_RADIUS = (0.06, 0.17)
"""As a share of the shorter side of the picture."""


@dataclass(frozen=True)
class SceneObject:
    """An object of a class.

    Attributes:
        class_index: index in `CLASS_NAMES`.
        mask: (H, W) bool, its visible pixels; never empty.
    """

    class_index: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        objects: one to four of different classes, the labelled one first.
    """

    pixels: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]


class _Spot(NamedTuple):
    """Where a thing lies: centre and radius in pixels."""

    x: float
    y: float
    radius: float


def draw_scene(seed: int, index: int, *, context: float = 0.0) -> Scene:
    """Draw the scene `index` of the series `seed`; the same arguments give the same pixels.

    The label is the class of the largest object; the other objects are of other classes, drawn evenly. A
    class has an outline of its own, a pattern that it shares with one other class, and mostly a hue. Clutter
    has no outline that means anything, but wears the patterns and hues of the classes: of a class drawn
    evenly or, with the probability `context`, of the label's. So with `context` above 0 the clutter says
    something about the label: a fair hint to a classifier, but heat on it is heat on the wrong thing. With 0,
    all that lies around the labelled object is independent of the label.
    """
    generator = np.random.default_rng([seed, index])
    height, width = _draw_size(generator)
    label = int(generator.integers(len(CLASS_NAMES)))
    spots = _draw_spots(generator, height, width, int(generator.choice(4, p=_COMPANIONS)))
    others = np.delete(np.arange(len(CLASS_NAMES)), label)
    classes = [label, *generator.permutation(others)[: len(spots) - 1].tolist()]
    brush = Brush(generator, background(generator, height, width), np.full((height, width), NOBODY, np.int8))

    def draw_look() -> int:
        return label if generator.random() < context else int(generator.integers(len(CLASS_NAMES)))

    for _ in range(generator.integers(*_BLOBS, endpoint=True)):
        brush.paint(blob(generator), *_draw_clutter_spot(generator, height, width), look=draw_look())
    for number in reversed(range(len(spots))):  # the labelled object comes last and covers the others
        shape = SILHOUETTES[CLASS_NAMES[classes[number]]]
        brush.paint(shape, *spots[number], look=classes[number], number=number)
    for _ in range(generator.integers(*_STICKS, endpoint=True)):
        brush.paint(stick(generator), *_draw_clutter_spot(generator, height, width), look=draw_look())
    masks = (brush.owner == number for number in range(len(spots)))
    found = (SceneObject(index, mask) for index, mask in zip(classes, masks, strict=True) if mask.any())
    return Scene(brush.canvas.clip(0, 255).round().astype(np.uint8), tuple(found))


def _draw_size(generator: np.random.Generator) -> tuple[int, int]:
    """Height and width of a picture, in pixels; never square."""
    short = int(generator.integers(*_SHORT_SIDE_PX, endpoint=True))
    long = min(round(short * generator.uniform(1.06, 1.4)), _LONGEST_SIDE_PX)
    return (short, long) if generator.random() < 0.65 else (long, short)


def _draw_spots(generator: np.random.Generator, height: int, width: int, companions: int) -> list[_Spot]:
    """Where the labelled object lies, then the others: apart from each other, as far as there is room."""
    sides = np.array([width, height])
    radius = sides.min() * generator.uniform(*_LABEL_RADIUS)
    # the centre stays in the middle square, so that a centre crop shows most of the labelled object
    margin = np.maximum(radius, (sides - sides.min()) / 2 + radius / 2)
    x, y = sides / 2 + (sides / 2 - margin) * generator.uniform(-1, 1, 2)
    spots = [_Spot(x, y, radius)]
    for _ in range(companions):
        for _ in range(12):
            size = radius * generator.uniform(*_COMPANION_RADIUS)
            x, y = generator.uniform(0.8 * size, sides - 0.8 * size)
            if all(np.hypot(x - o.x, y - o.y) > 0.9 * (size + o.radius) for o in spots):
                spots.append(_Spot(x, y, size))
                break
    return spots


def _draw_clutter_spot(generator: np.random.Generator, height: int, width: int) -> _Spot:
    radius = min(height, width) * generator.uniform(*_CLUTTER_RADIUS)
    return _Spot(generator.uniform(0, width), generator.uniform(0, height), radius)
