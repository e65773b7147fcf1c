"""Bars per metric with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..results import NO_CHECKPOINT, Cell, Column, Table
from .style import CASED, INK, NEUTRAL, axis_title, checkpoint_label, colour_of, ink_on, legend, tidy

__all__ = ["bar_figure"]

_BAR_INCHES = 0.24
_PANELS_PER_BAND = 3


@dataclass(frozen=True)
class _Group:
    """Bars that stand together: rows of one checkpoint, or a method without a network (grey)."""

    label: str
    rows: tuple[int, ...]
    has_network: bool


def bar_figure(table: Table) -> Figure:
    """Draw a panel per metric: bars grouped by checkpoint, coloured by attribution, with whiskers.

    Metrics of the checkpoint itself, such as accuracy, have one bar per checkpoint. Methods without a network
    stand below, in grey, under their own names. All axes run from 0 to 100 %.
    """
    groups = _groups(table)
    bands = _bands(table, groups)
    heights = [_BAR_INCHES * sum(len(group.rows) + 1 for group in shown) + 0.75 for _, shown in bands]
    across = max(len(columns) for columns, _ in bands)
    longest = max(len(line) for group in groups for line in group.label.split("\n"))
    methods = _methods(table, groups)
    size = (0.1 * longest + 3.4 * across, sum(heights) + 0.9)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.05, hspace=0.02), facecolor="white")
    grid = figure.add_gridspec(len(bands), across, height_ratios=heights)
    for down, (columns, shown) in enumerate(bands):
        for place, column in enumerate(columns):
            axes = figure.add_subplot(grid[down, place])
            _draw_panel(axes, column, table, shown, methods)
            axes.tick_params(labelleft=place == 0)
    figure.suptitle(table.title, fontsize=14, color=INK)
    if any(methods):
        legend(figure, methods)
    return figure


def _groups(table: Table) -> list[_Group]:
    checkpoint, attribution = table.headings.index("checkpoint"), table.headings.index("attribution")
    rows_of: dict[str, list[int]] = {}
    alone = []
    for place, row in enumerate(table.rows):
        if row.labels[checkpoint] == NO_CHECKPOINT:
            alone.append(_Group(f"{row.labels[attribution]}\n(no network)", (place,), has_network=False))
        else:
            rows_of.setdefault(checkpoint_label(table, place), []).append(place)
    return [*(_Group(label, tuple(rows), has_network=True) for label, rows in rows_of.items()), *alone]


def _bands(table: Table, groups: Sequence[_Group]) -> list[tuple[list[Column], list[_Group]]]:
    """Arrange metrics in bands of panels side by side, each with the groups it shows.

    The metrics of maps come first; those of checkpoints follow, with one bar for each checkpoint.
    """
    of_maps = [column for column in table.columns if not column.about_checkpoint]
    of_checkpoints = [column for column in table.columns if column.about_checkpoint]
    single = [_Group(group.label, group.rows[:1], has_network=False) for group in groups if group.has_network]
    return [
        (columns[start : start + _PANELS_PER_BAND], list(shown))
        for columns, shown in ((of_maps, groups), (of_checkpoints, single))
        for start in range(0, len(columns), _PANELS_PER_BAND)
        if shown
    ]


def _methods(table: Table, groups: Sequence[_Group]) -> list[str]:
    """Return the attributions that have a colour, in the order of the table."""
    attribution = table.headings.index("attribution")
    rows = [row for group in groups if group.has_network for row in group.rows]
    return list(dict.fromkeys(table.rows[row].labels[attribution] for row in rows))


def _draw_panel(
    axes: Axes, column: Column, table: Table, groups: Sequence[_Group], methods: Sequence[str]
) -> None:
    """Draw the bars of one metric, groups from top to bottom."""
    attribution, cell = table.headings.index("attribution"), table.columns.index(column)
    top, ticks = 0.0, []
    for group in groups:
        for offset, row in enumerate(group.rows):
            colour, hatch = NEUTRAL, ""
            if group.has_network:
                colour, hatch = colour_of(methods.index(table.rows[row].labels[attribution]))
            _draw_bar(axes, top + offset, table.rows[row].cells[cell], colour, hatch)
        ticks.append(top + (len(group.rows) - 1) / 2)
        top += len(group.rows) + 1
    axes.set_yticks(ticks, [group.label for group in groups])
    axes.set_ylim(top - 1, -1)
    axes.set_xlim(0, 100)
    axes.set_title(axis_title(column), fontsize=13, color=INK)
    tidy(axes, grid="x")


def _draw_bar(axes: Axes, place: float, cell: Cell, colour: str, hatch: str) -> None:
    """Draw one bar with its interval, and its value at its foot; nothing where the score is missing."""
    if math.isnan(cell.value):
        return
    axes.barh(place, cell.value, height=0.86, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
    reach = cell.value
    if not math.isnan(cell.low):
        reach = max(reach, cell.high)
        (whisker,) = axes.plot([cell.low, cell.high], [place, place], color=INK, linewidth=1.4)
        whisker.set(marker="|", markersize=6, path_effects=CASED, clip_on=False)
    inside = min(cell.value, cell.low if cell.low >= 0 else cell.value) > 16
    text = axes.text(1.5 if inside else reach + 2, place, f"{cell.value:.1f}", fontsize=9, va="center")
    text.set(color=ink_on(colour) if inside else INK, fontweight="bold" if inside else "normal")
    if hatch and inside:
        text.set(color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})
