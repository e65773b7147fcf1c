"""Arranges a table for its reader: which rows and columns it has, in which order, with how many digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ...base import RaybenchError, UnknownNameError
from ..results import NO_CHECKPOINT, Column, Row, Score, Table
from .entries import Entry


def chosen_rows(entries: Sequence[Entry], wanted: Sequence[str]) -> list[Entry]:
    """Return the rows that are wanted, in the order in which they are named; all if none is.

    Args:
        entries: all rows.
        wanted: names of checkpoints or attributions, or both as `resnet18/grad_cam`; `*` stands for anything.

    Raises:
        UnknownNameError: a name that no row has.
    """
    if not wanted:
        return list(entries)
    found: list[Entry] = []
    for name in wanted:
        named = [
            entry
            for entry in entries
            if any(
                fnmatchcase(part, name)
                for part in (entry.checkpoint, entry.attribution, f"{entry.checkpoint}/{entry.attribution}")
            )
        ]
        if not named:
            known = dict.fromkeys(
                name for one in entries for name in (one.checkpoint, one.attribution) if name
            )
            raise UnknownNameError("row", name, known, "--rows")
        found += [entry for entry in named if entry not in found]
    return found


def chosen_columns(columns: Sequence[Column], wanted: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns that are wanted, by label or name of the metric, in their order; all if none is.

    Raises:
        UnknownNameError: no such column.
    """
    return tuple(columns[_place(columns, name, "--columns")] for name in wanted) or tuple(columns)


def arranged(table: Table, *, sort: str = "", digits: int | None = None) -> Table:
    """Sort the rows of a table, and set its digits.

    Args:
        table: as it was measured.
        sort: label or name of the metric whose best value comes first; missing values follow, and methods
            without a network, the floor and the ceiling, stay last. Empty for the order of the runs.
        digits: behind the point; None for the usual ones.

    Raises:
        UnknownNameError: no such column.
    """
    if sort:
        place = _place(table.columns, sort, "--sort")
        sign = -1 if table.columns[place].higher_is_better else 1

        def key(row: Row) -> tuple[bool, bool, float]:
            value = row.cells[place].value
            missing = math.isnan(value)
            return NO_CHECKPOINT in row.labels, missing, 0.0 if missing else sign * value

        table = replace(table, rows=tuple(sorted(table.rows, key=key)))
    if digits is not None:
        table = replace(table, columns=tuple(replace(one, places=digits) for one in table.columns))
    return table


def pivoted(table: Table, heading: str) -> Table:
    """Turn one of a table's headings into columns: each of its names gets one under every metric.

    Numbers of the checkpoint alone keep their one column when attributions become columns. Methods without a
    network have no place in a grid of networks and methods; their values are said below.

    Raises:
        RaybenchError: the table has no such heading, or two rows would fall into one.
    """
    if heading not in table.headings:
        raise RaybenchError(f"--pivot {heading}: the table's rows are named by {', '.join(table.headings)}")
    at = table.headings.index(heading)
    inside = [row for row in table.rows if NO_CHECKPOINT not in row.labels] or list(table.rows)
    names = list(dict.fromkeys(row.labels[at] for row in inside))
    grid: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in inside:
        rest = (*row.labels[:at], *row.labels[at + 1 :])
        if row.labels[at] in grid.setdefault(rest, {}):
            raise RaybenchError(f"--pivot {heading}: two rows have the names {', '.join(row.labels)}")
        grid[rest][row.labels[at]] = row
    columns: list[Column] = []
    picks: list[tuple[int, str]] = []
    for place, column in enumerate(table.columns):
        if column.about_checkpoint and heading == "attribution":
            columns.append(column)
            picks.append((place, ""))
            continue
        for name in names:
            columns.append(replace(column, metric=f"{column.metric}_{name}", label=name, over=column.label))
            picks.append((place, name))
    rows = []
    for labels, found in grid.items():
        some = next(iter(found.values()))
        none = Row(labels, tuple(Score(applies=False) for _ in table.columns))
        cells = tuple((found.get(name, none) if name else some).cells[place] for place, name in picks)
        queries = max(row.queries for row in found.values())
        rows.append(Row(labels, cells, queries, sum(row.degenerate for row in found.values())))
    headings = (*table.headings[:at], *table.headings[at + 1 :])
    notes = (*table.notes, *_without_network(table, inside))
    return replace(table, headings=headings, columns=tuple(columns), rows=tuple(rows), notes=notes)


def _without_network(table: Table, inside: Sequence[Row]) -> list[str]:
    """Say what methods without a network have, which a pivoted table leaves out."""
    said, shown = [], table.shown.get("attribution", {})
    for row in table.rows:
        values = [
            f"{column.label} {column.printed(cell.value)}"
            for column, cell in zip(table.columns, row.cells, strict=True)
            if not math.isnan(cell.value)
        ]
        if row not in inside and values:
            said.append(f"{shown.get(row.labels[-1], row.labels[-1])}: {', '.join(values)}")
    return [f"without a network: {'; '.join(said)}"] if said else []


def _place(columns: Sequence[Column], name: str, option: str) -> int:
    for place, column in enumerate(columns):
        if name.casefold() == column.label.casefold() or name == column.metric:
            return place
    raise UnknownNameError("column", name, [column.label for column in columns], option)
