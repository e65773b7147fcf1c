"""Bump charts: the place of each method, or of each network, from metric to metric or dataset to dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...results import NO_CHECKPOINT, Column, Row, Table
from ..drawing.panels import Panel
from ..drawing.paper import PanelFigure, figure_of, in_bands
from ..drawing.style import Look, looks_of, shortened
from .orders import places_panel

_MOST_ROWS = 28


def ranks_figure(table: Table, *, across: int = 3) -> PanelFigure | None:
    """Join the places of rows by lines that cross where two columns put them in another order.

    A table of several datasets, protocols or runs has a panel per metric, over those, with the rows that all
    of them have. Else there is a panel per checkpoint, its methods over the metrics of maps; or a single one,
    of checkpoints, if each has one method.

    Returns:
        None if there are fewer than two rows or columns to put in order.
    """
    columns = [place for place, one in enumerate(table.columns) if one.ranked and not one.about_checkpoint]
    rows = [row for row in table.rows if NO_CHECKPOINT not in row.labels]
    groups = list(dict.fromkeys(row.labels[:-2] for row in rows))
    found = _by_group(table, rows, groups, columns) if len(groups) > 1 else _by_metric(table, rows, columns)
    panels = list(found)
    return figure_of(in_bands(panels, across), f"{table.title}: places by value") if panels else None


def _by_metric(table: Table, rows: Sequence[Row], columns: Sequence[int]) -> Iterator[Panel]:
    """Yield a panel per checkpoint, or one of all checkpoints that have one method each."""
    of_checkpoint: dict[str, dict[str, Row]] = {}
    for row in rows:
        of_checkpoint.setdefault(row.labels[-2], {})[row.labels[-1]] = row
    if all(len(found) == 1 for found in of_checkpoint.values()):
        joined = {name: next(iter(found.values())) for name, found in of_checkpoint.items()}
        of_checkpoint = {"": joined}
    looks = looks_of(name for found in of_checkpoint.values() for name in found)
    for checkpoint, found in of_checkpoint.items():
        there = [at for at in columns if not any(math.isnan(row.cells[at].value) for row in found.values())]
        ticks = [table.columns[at].label for at in there]
        cells = [[_worth(row, at, table.columns[at]) for at in there] for row in found.values()]
        yield from _panel(list(found), cells, ticks, looks, checkpoint)


def _by_group(
    table: Table, rows: Sequence[Row], groups: Sequence[tuple[str, ...]], columns: Sequence[int]
) -> Iterator[Panel]:
    """Yield a panel per metric, over datasets, protocols or runs."""
    found = {(row.labels[-2:], row.labels[:-2]): row for row in rows}
    telling = [place for place, parts in enumerate(zip(*groups, strict=True)) if len(set(parts)) > 1]
    ticks = ["\n".join(shortened(group[place], 24) for place in telling) for group in groups]
    for at in columns:
        names = [
            name
            for name in dict.fromkeys(row.labels[-2:] for row in rows)
            if all(
                (name, group) in found and not math.isnan(found[name, group].cells[at].value)
                for group in groups
            )
        ]
        shown = [" \N{MIDDLE DOT} ".join(name) for name in names]
        cells = [[_worth(found[name, group], at, table.columns[at]) for group in groups] for name in names]
        yield from _panel(shown, cells, ticks, looks_of(shown), table.columns[at].label)


def _worth(row: Row, place: int, column: Column) -> float:
    """Return a value, the higher the better, as it is printed: what looks equal shares a place."""
    return round(row.cells[place].value, column.digits) * (1 if column.higher_is_better else -1)


def _panel(
    names: Sequence[str],
    cells: Sequence[Sequence[float]],
    ticks: Sequence[str],
    looks: Mapping[str, Look],
    heading: str,
) -> Iterator[Panel]:
    """Yield the panel, if there are lines in it; of very many rows the first, which would fit no page."""
    if len(names) > 1 and len(ticks) > 1:
        yield places_panel(names[:_MOST_ROWS], np.array(cells[:_MOST_ROWS]), ticks, looks, heading)
