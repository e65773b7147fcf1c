"""Accuracy against localisation: does looking at the object cost accuracy?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from ..results import NO_CHECKPOINT, Cell, Column, Table
from .style import INK, axis_title, checkpoint_label, colour_of, dot_of, legend, tidy

__all__ = ["scatter_figure"]

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

    A colour and a filling per attribution, a marker per checkpoint.

    Returns:
        None if there is nothing to draw: no accuracy, or no localisation metric.
    """
    about = [column for column in table.columns if column.about_checkpoint]
    others = [column for column in table.columns if not column.about_checkpoint]
    panels = [(about[0], column, _dots(table, about[0], column)) for column in others] if about else []
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        return None
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
    one_each = {dot.label: dot for _, _, found in panels for dot in found}
    grey = {"markerfacecolor": "#666666", "markeredgecolor": "white"}
    handles = [_marker(dot, label=label, **grey) for label, dot in one_each.items()]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=11, labelspacing=0.8)
    return figure


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
