"""Accuracy against localisation: does looking at the object cost accuracy?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox, ScaledTranslation
from numpy.typing import NDArray

from ..results import NO_CHECKPOINT, Cell, Column, Table
from .style import CASED, INK, axis_title, checkpoint_label, colour_of, dot_of, legend, tidy

__all__ = ["scatter_figure"]

Box = NDArray[np.float64]
"""Corners x0, y0, x1, y1 in pixels of the figure, from the bottom left."""

_NAME_POINTS = 10
_PANEL_INCHES = (5.0, 4.4)
_MARKERS = "osD^vPX<>hpd"


@dataclass(frozen=True)
class _Dot:
    """One checkpoint under one method."""

    label: str
    checkpoint: int
    method: int
    x: Cell
    y: Cell
    shift: float
    """Points to the right: the methods of a checkpoint share its accuracy and would hide each other."""


def scatter_figure(table: Table) -> Figure | None:
    """Draw a panel per localisation metric, against accuracy or F1 of the checkpoints, with 95 % intervals.

    A colour and a filling per attribution, a marker per checkpoint. Checkpoints are named beside their dots
    where all names find room, else in a legend of markers.

    Returns:
        None if there is nothing to draw: no accuracy, or no localisation metric.
    """
    about = [column for column in table.columns if column.about_checkpoint]
    others = [column for column in table.columns if not column.about_checkpoint]
    panels = [(about[0], column, _dots(table, about[0], column)) for column in others] if about else []
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        return None
    figure, axes, renderer = _draw(table, panels)
    places = [_places(axis, dots, renderer) for axis, (_, _, dots) in zip(axes, panels, strict=True)]
    if any(place.covers > 4 for found in places for place in found):  # square pixels that nobody sees
        figure, axes, _ = _draw(table, panels, marker_legend=True)
        return figure
    for axis, found in zip(axes, places, strict=True):
        for place in found:
            _write(axis, place)
    return figure


def _draw(
    table: Table, panels: Sequence[tuple[Column, Column, list[_Dot]]], *, marker_legend: bool = False
) -> tuple[Figure, list[Axes], RendererBase]:
    """Draw everything but the names of the checkpoints, and fix the layout."""
    across = min(3, len(panels))
    down = math.ceil(len(panels) / across)
    size = (_PANEL_INCHES[0] * across, _PANEL_INCHES[1] * down + 1.0)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.04, hspace=0.04), facecolor="white")
    axes = list(figure.subplots(down, across, squeeze=False).ravel())
    for axis, (x, y, dots) in zip(axes, panels, strict=False):
        _draw_panel(axis, x, y, dots)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(table.title, fontsize=14, color=INK)
    legend(figure, _methods(table), dots=True)
    if marker_legend:
        one_each = {dot.label: dot for _, _, found in panels for dot in found}
        grey = {"markerfacecolor": "#666666", "markeredgecolor": "white"}
        handles = [_marker(dot, label=label, **grey) for label, dot in one_each.items()]
        figure.legend(
            handles=handles, loc="outside right upper", frameon=False, fontsize=11, labelspacing=0.8
        )
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # lays out the axes: names are placed in their final pixels
    figure.set_layout_engine("none")
    renderer: RendererBase = canvas.get_renderer()  # type: ignore[no-untyped-call]
    return figure, axes[: len(panels)], renderer


def _rows(table: Table) -> list[int]:
    checkpoint = table.headings.index("checkpoint")
    return [place for place, row in enumerate(table.rows) if row.labels[checkpoint] != NO_CHECKPOINT]


def _methods(table: Table) -> list[str]:
    attribution = table.headings.index("attribution")
    return list(dict.fromkeys(table.rows[row].labels[attribution] for row in _rows(table)))


def _dots(table: Table, x: Column, y: Column) -> list[_Dot]:
    """Return the rows that have both values."""
    methods, attribution = _methods(table), table.headings.index("attribution")
    labels = {row: checkpoint_label(table, row) for row in _rows(table)}
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels.values()))}
    at_x, at_y = table.columns.index(x), table.columns.index(y)
    dots = []
    for row, label in labels.items():
        cells = table.rows[row].cells
        if not (math.isnan(cells[at_x].value) or math.isnan(cells[at_y].value)):
            method = methods.index(table.rows[row].labels[attribution])
            shift = (method - (len(methods) - 1) / 2) * min(6.0, 30 / len(methods))
            dots.append(_Dot(label, numbers[label], method, cells[at_x], cells[at_y], shift))
    return dots


def _draw_panel(axes: Axes, x: Column, y: Column, dots: Sequence[_Dot]) -> None:
    """Draw dots and intervals; the interval of the accuracy, one per checkpoint, only at its highest dot."""
    highest = {dot.checkpoint: dot for dot in sorted(dots, key=lambda dot: dot.y.value)}
    for dot in highest.values():
        axes.plot([dot.x.low, dot.x.high], [dot.y.value] * 2, color="#aaaaaa", linewidth=1.3, zorder=2)
    for dot in dots:
        colour, _ = colour_of(dot.method)
        (line,) = axes.plot([dot.x.value] * 2, [dot.y.low, dot.y.high], color=colour, linewidth=1.3, zorder=2)
        marker = _marker(dot, **dot_of(dot.method))
        axes.add_line(marker)
        for artist in (line, marker):
            artist.set_transform(axes.transData + _shifted(dot, axes))
    axes.margins(0.14)
    axes.set_xlabel(axis_title(x), fontsize=12, color=INK)
    axes.set_ylabel(axis_title(y), fontsize=12, color=INK)
    tidy(axes, grid="both")


def _shifted(dot: _Dot, axes: Axes) -> ScaledTranslation:
    """Move what is drawn for a dot aside."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return ScaledTranslation(dot.shift / 72, 0, figure.dpi_scale_trans)


def _marker(dot: _Dot, *, label: str = "", **filling: Any) -> Line2D:
    """Return the marker of a checkpoint, at its dot."""
    line = Line2D([dot.x.value], [dot.y.value], linestyle="none", label=label, zorder=3, **filling)
    line.set(marker=_MARKERS[dot.checkpoint % len(_MARKERS)], markersize=10, markeredgewidth=1.2)
    return line


class _Place(NamedTuple):
    """Where a name may stand: beside a dot, at an offset in points.

    `box` is what it takes in pixels; `covers` and `crosses` are how many square pixels of it lie over dots,
    names or outside the axes, and over the boxes around intervals.
    """

    dot: _Dot
    offset: tuple[float, float]
    box: Box
    covers: float
    crosses: float

    @property
    def reach(self) -> float:
        """Distance from the dot in points."""
        return math.hypot(*self.offset)


def _places(axes: Axes, dots: Sequence[_Dot], renderer: RendererBase) -> list[_Place]:
    """Find a place for each checkpoint's name, off dots and other names, and off intervals if it can."""
    pixels = [
        tuple((axes.transData + _shifted(dot, axes)).transform((dot.x.value, dot.y.value))) for dot in dots
    ]
    point = _pixels_per_point(renderer)
    radius = 6 * point
    taken = [np.array((x - radius, y - radius, x + radius, y + radius)) for x, y in pixels]
    lines = np.stack([np.array(line.get_window_extent(renderer).padded(1).extents) for line in axes.lines])
    frame = np.array(axes.bbox.extents)[None]
    chosen = []
    for number in dict.fromkeys(dot.checkpoint for dot in dots):
        own = [(dot, pixel) for dot, pixel in zip(dots, pixels, strict=True) if dot.checkpoint == number]
        own.sort(key=lambda pair: -pair[0].y.value)
        size = _size_of(own[0][0].label, axes, renderer)
        candidates = []
        for offset in _OFFSETS:
            for dot, pixel in own:
                box = _box_at(pixel, offset, size, point)
                covers = _overlap(box, np.stack(taken)) + np.prod(box[2:] - box[:2]) - _overlap(box, frame)
                candidates.append(_Place(dot, offset, box, round(covers), round(_overlap(box, lines))))
        best = min(candidates, key=lambda place: (place.covers, place.crosses + 3 * place.reach))
        chosen.append(best)
        taken.append(best.box)
    return chosen


def _pixels_per_point(renderer: RendererBase) -> float:
    return float(renderer.points_to_pixels(1.0))  # type: ignore[arg-type]


def _size_of(name: str, axes: Axes, renderer: RendererBase) -> Bbox:
    """Measure a name by writing it and wiping it out again."""
    text = axes.text(0.5, 0.5, name, fontsize=_NAME_POINTS, transform=axes.transAxes)
    size = text.get_window_extent(renderer)
    text.remove()
    return size


_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7))
_OFFSETS = tuple((reach * dx, reach * dy) for reach in (10, 16, 24, 30) for dx, dy in _DIRECTIONS)
"""Offsets of a name from its dot in points, nearest first."""


def _box_at(pixel: tuple[float, float], offset: tuple[float, float], size: Bbox, point: float) -> Box:
    """Return the pixels that a name covers at an offset, in points of so many pixels, from its dot."""
    x, y = pixel[0] + offset[0] * point, pixel[1] + offset[1] * point
    left = x - size.width * (0.5 - 0.5 * _sign(offset[0]))
    bottom = y - size.height * (0.5 - 0.5 * _sign(offset[1]))
    return np.array((left - 2, bottom - 2, left + size.width + 2, bottom + size.height + 2))


def _write(axes: Axes, place: _Place) -> None:
    """Write a name, with a thin line to its dot if it stands far away."""
    dx, dy = place.offset
    line = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.8, "shrinkB": 5}
    name = axes.annotate(
        place.dot.label,
        (place.dot.x.value, place.dot.y.value),
        xytext=(dx + place.dot.shift, dy),
        textcoords="offset points",
        fontsize=_NAME_POINTS,
        color=INK,
        ha={0: "center", 1: "left", -1: "right"}[_sign(dx)],
        va={0: "center", 1: "bottom", -1: "top"}[_sign(dy)],
        arrowprops=line if place.reach > 20 else None,
        zorder=4,
    )
    name.set_path_effects(CASED)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _overlap(box: Box, others: Box) -> float:
    """Square pixels that a box (4,) shares with others (M, 4)."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return float(sides.clip(min=0).prod(axis=1).sum())
