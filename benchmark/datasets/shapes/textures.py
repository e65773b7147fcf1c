"""Surfaces: colours, patterns and smooth noise, as float32 arrays."""

from __future__ import annotations

import colorsys

import numpy as np
import PIL.Image
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""Image plane (H, W) or picture (H, W, 3), values 0 to 255 for colours and 0 to 1 for blends."""

PATTERNS: tuple[str, ...] = ("checks", "dots", "rings", "scales", "stripes", "waves")
"""Kinds of `pattern`."""


def random_colour(generator: np.random.Generator, *, vivid: bool, hue: float | None = None) -> Pixels:
    """Draw an RGB colour (3,), of a given hue (0 to 1) or any; vivid ones are saturated and bright."""
    saturation = generator.uniform(0.5, 0.95) if vivid else generator.uniform(0.08, 0.5)
    value = generator.uniform(0.55, 1.0) if vivid else generator.uniform(0.3, 0.8)
    turn = (generator.uniform() if hue is None else hue) % 1
    return np.array(colorsys.hsv_to_rgb(turn, saturation, value), np.float32) * np.float32(255)


def contrasting(colour: Pixels, generator: np.random.Generator) -> Pixels:
    """Return a lighter or darker colour (3,) of the same hue, clearly apart from the given one."""
    share = np.float32(generator.uniform(0.45, 0.7))
    return colour * (1 - share) if colour.mean() > 110 else colour + (255 - colour) * share


def smooth_noise(generator: np.random.Generator, height: int, width: int, cells: int) -> Pixels:
    """Noise (height, width) from 0 to 1 that varies over about the shorter side divided by `cells`."""
    step = min(height, width) / cells
    coarse = generator.random((int(height / step) + 2, int(width / step) + 2), dtype=np.float32)
    image = PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BICUBIC)
    return np.asarray(image).clip(0, 1)


def pattern(generator: np.random.Generator, kind: str, height: int, width: int, wavelength: float) -> Pixels:
    """A pattern (height, width) from 0 to 1 of a kind, in a random direction; `wavelength` in pixels."""
    angle = generator.uniform(0, np.pi)
    along = np.float32(2 * np.pi * np.cos(angle) / wavelength)
    across = np.float32(2 * np.pi * np.sin(angle) / wavelength)
    x = np.arange(width, dtype=np.float32)[None] - np.float32(width * generator.uniform(0.3, 0.7))
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(height * generator.uniform(0.3, 0.7))
    u, v = x * along + y * across, y * along - x * across
    if kind == "checks":
        wave = np.float32(1.5) * np.sin(u) * np.sin(v)
    elif kind == "dots":
        wave = np.cos(u) + np.cos(v) - np.float32(0.6)
    elif kind == "rings":
        wave = np.sin(np.hypot(u, v))
    elif kind == "scales":
        wave = np.cos(u / 2) ** 2 + np.cos(v) * np.sin(u) - np.float32(0.4)
    elif kind == "stripes":
        wave = np.sin(u)
    elif kind == "waves":
        wave = np.sin(u + np.float32(1.6) * np.sin(v))
    else:
        raise ValueError(kind)
    # a ramp instead of a step: edges stay free of stairs without drawing at a higher resolution
    blend: Pixels = np.clip(0.5 + wave * np.float32(wavelength / 5), 0, 1)
    return blend


def surface(generator: np.random.Generator, kind: str, size: int, colour: Pixels) -> Pixels:
    """Texture (size, size, 3): a pattern in `colour` and a contrasting one, lit from one side."""
    blend = pattern(generator, kind, size, size, generator.uniform(0.16, 0.34) * size)[..., None]
    pixels = colour + (contrasting(colour, generator) - colour) * blend
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = generator.uniform(-0.16, 0.16, 2).astype(np.float32)
    lit: Pixels = pixels * (1 + light[0] * ramp[None, :, None] + light[1] * ramp[:, None, None])
    return lit


def background(generator: np.random.Generator, height: int, width: int) -> Pixels:
    """A muted picture (height, width, 3): two colours that run together, a faint pattern, and grain."""
    first, second = random_colour(generator, vivid=False), random_colour(generator, vivid=False)
    pixels = first + (second - first) * smooth_noise(generator, height, width, 3)[..., None]
    kind = PATTERNS[generator.integers(len(PATTERNS))]
    faint = pattern(generator, kind, height, width, generator.uniform(6, 22)) - np.float32(0.5)
    grain = smooth_noise(generator, height, width, 32) - np.float32(0.5)
    strength = generator.uniform(8, 40, 2).astype(np.float32)
    rough: Pixels = pixels + (strength[0] * faint + strength[1] * grain)[..., None]
    return rough
