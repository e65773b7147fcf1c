"""Paints saliency over pictures: heat, the outline of the ground truth, and the point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal
from numpy.typing import NDArray

from ...base import Point
from .drawing.style import INK, Edge

HEAT_COLOURS = "inferno"
"""Perceptually uniform, and told apart by colour-blind readers; dark where a map is empty."""

_STRENGTH = 0.8  # opacity of the hottest pixel
HIT_COLOUR, MISS_COLOUR, POINT_COLOUR = "#00b050", "#e0202c", "#ffffff"


def overlay(picture: NDArray[np.uint8], saliency: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Paint heat over a greyed picture; where there is no heat, the picture shows through.

    The hottest 0.5 % of the pixels are painted alike, so that a few peaks, which gradients have, do not hide
    the rest.

    Args:
        picture: (H, W, 3) RGB.
        saliency: (h, w), non-negative, in any unit; resized to the picture.

    Returns:
        (H, W, 3) RGB.
    """
    height, width = picture.shape[:2]
    heat = scaled(saliency)
    if heat.shape != (height, width):
        resized = PIL.Image.fromarray(heat.astype(np.float32)).resize(
            (width, height), PIL.Image.Resampling.BILINEAR
        )
        heat = scaled(np.asarray(resized))
    hot = np.percentile(heat, 99.5)
    heat = np.minimum(heat / hot, 1) if hot > 0 else heat
    colours = colormaps[HEAT_COLOURS](0.12 + 0.88 * heat)[
        ..., :3
    ]  # from dark violet, so that weak heat shows
    base = picture / 255
    grey = (base @ np.array([0.299, 0.587, 0.114]))[..., None]
    base = 0.35 * base + 0.65 * grey  # heat is the only strong colour
    # the root shows weak heat; what lies below two grey levels of a kept map stays clear of its steps
    opacity = _STRENGTH * ((np.sqrt(heat) - 0.08) / 0.92).clip(min=0)[..., None]
    painted: NDArray[np.uint8] = np.rint(255 * ((1 - opacity) * base + opacity * colours)).astype(np.uint8)
    return painted


def scaled(saliency: NDArray[np.floating]) -> NDArray[np.float64]:
    """Divide a map by its largest value; NaN counts as 0, and an all-zero map stays zero."""
    heat = np.nan_to_num(np.asarray(saliency, dtype=np.float64), posinf=0.0, neginf=0.0).clip(min=0)
    peak = heat.max(initial=0.0)
    return heat / peak if peak > 0 else heat


def draw_outline(axes: Axes, mask: NDArray[np.bool_]) -> None:
    """Outline a region (H, W) in white on black, which shows on any picture."""
    if not mask.any():
        return
    # a border of False closes the outline where the region touches the picture's edge
    padded = np.pad(mask, 1).astype(np.float64)
    height, length = mask.shape
    xs, ys = np.arange(-1, length + 1), np.arange(-1, height + 1)
    outline = axes.contour(xs, ys, padded, levels=[0.5], colors=["white"], linewidths=[1.6])
    outline.set_path_effects([Edge(3.52, "black"), Normal()])
    outline.set_clip_on(False)  # along the picture's edge half of the line lies outside
    axes.set_xlim(-0.5, length - 0.5)
    axes.set_ylim(height - 0.5, -0.5)


def draw_point(axes: Axes, point: Point, *, hit: bool | None = None, size: float = 9) -> None:
    """Mark a pixel: a green disc for a hit, a red cross for a miss, a white ring if that is not known."""
    marker, colour = {True: ("o", HIT_COLOUR), False: ("X", MISS_COLOUR), None: ("o", "none")}[hit]
    edge = POINT_COLOUR
    (line,) = axes.plot([point.x], [point.y], marker=marker, markersize=size, linestyle="none", zorder=5)
    line.set(markerfacecolor=colour, markeredgecolor=edge, markeredgewidth=1.5, clip_on=False)
    line.set_path_effects([Edge(3, "black"), Edge(1.5, edge)])


def bare(axes: Axes) -> None:
    """Take ticks and frame away from axes that show a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def explain_figure(
    image: PIL.Image.Image, saliency: NDArray[np.floating], top5: Sequence[tuple[str, float]], *, title: str
) -> Figure:
    """Show one explanation: the picture, the map, both together, and the most probable classes.

    Args:
        image: at its original size.
        saliency: (H, W), non-negative, at the size of the image.
        top5: labels and probabilities in 0 to 1, most probable first.
        title: what is shown: class, checkpoint and method.
    """
    picture = np.asarray(image.convert("RGB"))
    height, width = picture.shape[:2]
    shown = 3.2  # inches that a picture is high, or wide if it is wider than high
    scale = shown / max(height, width)
    size = (3 * max(1.6, width * scale) + 4.2, max(2.0, height * scale) + 0.9)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=14, color=INK)
    widths = [max(1.6, width * scale)] * 3 + [2.4]
    axes = figure.subplots(1, 4, width_ratios=widths)
    panels = {"image": picture, "saliency map": None, "overlay": overlay(picture, saliency)}
    for axis, (name, pixels) in zip(axes, panels.items(), strict=False):
        if pixels is None:
            axis.imshow(scaled(saliency), cmap=HEAT_COLOURS, vmin=0, vmax=1)
        else:
            axis.imshow(pixels)
        axis.set_title(name, fontsize=12, color=INK)
        bare(axis)
    row, column = np.unravel_index(np.argmax(scaled(saliency)), saliency.shape)
    draw_point(axes[2], Point(int(column), int(row)))
    _draw_classes(axes[3], top5)
    return figure


def maps_figure(
    image: PIL.Image.Image, maps: Sequence[tuple[str, NDArray[np.floating]]], *, title: str
) -> Figure:
    """Show several maps of one picture, four in a row.

    Args:
        image: at its original size.
        maps: titles and saliency (H, W), non-negative, at the size of the image.
        title: above all.
    """
    picture = np.asarray(image.convert("RGB"))
    rows = -(-len(maps) // 4)
    high = 3.2 * picture.shape[0] / picture.shape[1]
    figure = Figure(figsize=(13, rows * (high + 0.5) + 0.7), layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=14, color=INK)
    axes = figure.subplots(rows, 4, squeeze=False).flat
    for axis in axes:
        bare(axis)
    for axis, (name, saliency) in zip(axes, maps, strict=False):
        axis.imshow(overlay(picture, saliency))
        axis.set_title(name, fontsize=10, color=INK)
    return figure


def _draw_classes(axes: Axes, top5: Sequence[tuple[str, float]]) -> None:
    """Draw a bar per class, most probable on top, with its name above the bar so that long names fit."""
    for place, (label, probability) in enumerate(top5):
        axes.barh(place, probability, height=0.34, color="#0072b2" if place == 0 else "#9fb8c9")
        axes.barh(place, 1, height=0.34, color="none", edgecolor="#cccccc", linewidth=0.6)
        name = label.split(",")[0]
        name = name if len(name) <= 28 else f"{name[:27]}…"
        axes.text(0, place - 0.28, name, fontsize=11, va="bottom", color=INK)
        percent = f"{100 * probability:.1f} %"
        axes.text(1, place - 0.28, percent, fontsize=11, va="bottom", ha="right", color=INK)
    axes.set_ylim(max(len(top5), 5) - 0.5, -0.8)
    axes.set_xlim(0, 1)
    axes.set_title("top classes", fontsize=12, color=INK)
    bare(axes)
