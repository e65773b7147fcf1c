"""Bars per metric with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...results import NO_CHECKPOINT, Column, Score, Table
from ..drawing.panels import Axis, Bar, Bars, Panel
from ..drawing.paper import PanelFigure, figure_of, in_bands
from ..drawing.style import NEUTRAL, Look, axis_title
from .drawing import span_of
from .scatter import checkpoint_name, methods_of

_INCHES = 0.24


class _Group(NamedTuple):
    """Bars that stand together: rows of one checkpoint, or a method without a network (grey).

    `label` is the name as it is drawn, in lines.
    """

    name: str
    label: str
    rows: tuple[int, ...]
    has_network: bool


def bar_figure(table: Table, *, across: int = 3) -> PanelFigure:
    """Draw a panel per metric: bars grouped by checkpoint, coloured by attribution, with whiskers.

    Methods without a network stand below, in grey, under their own names; they are left out where a metric
    asks the network. Metrics of the checkpoint itself, such as accuracy, have one bar per checkpoint. Axes
    span the range of the metric, such as 0 to 100 %.
    """
    groups, looks = _groups(table), methods_of(table)
    with_network = [group for group in groups if group.has_network]
    alone = [group._replace(rows=group.rows[:1]) for group in with_network]
    of_maps = [column for column in table.columns if not column.about_checkpoint]
    kinds: list[tuple[list[Column], Sequence[_Group]]] = [
        ([column for column in of_maps if not column.needs_network], groups),
        ([column for column in of_maps if column.needs_network], with_network),
        ([column for column in table.columns if column.about_checkpoint], alone),
    ]
    bands = []
    for columns, shown in kinds:
        for band in in_bands([_panel(column, table, shown, looks) for column in columns if shown], across):
            nameless = [(place, "") for place, _ in band[0].y.ticks]
            y = band[0].y._replace(ticks=tuple(nameless))
            bands.append([band[0], *(panel._replace(y=y) for panel in band[1:])])
    known = any(not math.isnan(cell.low) for row in table.rows for cell in row.cells)
    return figure_of(bands, f"{table.title}{'; whiskers: 95 % intervals' if known else ''}")


def _groups(table: Table) -> list[_Group]:
    checkpoint, attribution = table.headings.index("checkpoint"), table.headings.index("attribution")
    rows_of: dict[tuple[str, str], list[int]] = {}
    alone = []
    for place, row in enumerate(table.rows):
        if row.labels[checkpoint] == NO_CHECKPOINT:
            name = row.labels[attribution]
            alone.append(_Group(name, f"{name}\n(no network)", (place,), has_network=False))
        else:
            rows_of.setdefault(checkpoint_name(table, place), []).append(place)
    return [*(_Group(*names, tuple(rows), has_network=True) for names, rows in rows_of.items()), *alone]


def _panel(column: Column, table: Table, groups: Sequence[_Group], looks: Mapping[str, Look]) -> Panel:
    """Return the bars of one metric, groups from top to bottom."""
    attribution, cell = table.headings.index("attribution"), table.columns.index(column)
    top, ticks, bars = 0.0, [], []
    for group in groups:
        for offset, row in enumerate(group.rows):
            coloured = group.has_network and not column.about_checkpoint
            name = table.rows[row].labels[attribution] if coloured else ""
            found, look = table.rows[row].cells[cell], looks[name] if name else NEUTRAL
            ends = (found.low, found.value, found.high)
            bars.append(Bar(top + offset, ends, look, name, _printed(found, column), group.name))
        ticks.append((top + (len(group.rows) - 1) / 2, group.label))
        top += len(group.rows) + 1
    longest = max(len(line) for group in groups for line in group.label.split("\n"))
    return Panel(
        Axis(limits=span_of(column, [end for bar in bars for end in bar.ends])),
        Axis(ticks=tuple(ticks), limits=(top - 1, -1)),
        (Bars(tuple(bars)),),
        inches=(3.4 + 0.033 * longest, _INCHES * top + 0.75),
        heading=axis_title(column),
    )


def _printed(cell: Score, column: Column) -> str:
    return "" if math.isnan(cell.value) else f"{cell.value:.{1 if column.unit == 'percent' else 3}f}"
