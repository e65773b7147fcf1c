"""Lays tables out for the terminal: no number is ever broken, names only at their joints, to fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import rich.box
import rich.table
from rich.console import Group, JustifyMethod
from rich.text import Text

from ...base import broken
from ..results import Table
from .formats import Intervals, cell_text, count_texts, headings_of, marks_of, notes_below, pairs_of

_LEAST = 8
"""Width that a column of names may always have."""


@dataclass(frozen=True)
class _Column:
    """A column of text; lines of a cell are kept as they are."""

    heading: str
    cells: tuple[str, ...]
    styles: tuple[str, ...] = ()
    justify: JustifyMethod = "right"

    @property
    def width(self) -> int:
        """Of its longest line, with the space around it."""
        return 2 + max(len(line) for text in (self.heading, *self.cells) for line in text.split("\n"))


def rich_table(table: Table, *, intervals: Intervals = False, width: int = 80, plain: bool = False) -> Group:
    """Lay a table out for the terminal; the best value of a column is bold and green.

    Args:
        table: what to print.
        intervals: print the 95 % interval behind each value, or below it where the width needs that.
        width: columns of the terminal: where they are too few, names are broken at `-` and `_`, and after
            that the numbers are split into several tables below each other.
        plain: mark the best by `*`, where letters can be neither bold nor green.
    """
    table = table.labelled
    numbers = _numbers(table, intervals, plain=plain, join=" ")
    if _total(_names(table, width), numbers) > width:
        numbers = _numbers(table, intervals, plain=plain, join="\n")
    room = (width - _total((), numbers)) // max(1, len(table.headings)) - 2
    names = _names(table, max(room, _LEAST))
    notes = notes_below(table, marks_of(table), intervals)
    if plain and any(cell.best for row in table.rows for cell in row.cells):
        notes = [note.replace("bold:", "*:", 1) for note in notes]
        notes += [] if any(note.startswith("*:") for note in notes) else ["*: the best value of a column"]
    parts = [_drawn([*names, *part]) for part in _parts(names, numbers, width)]
    parts[0].title, parts[0].min_width = Text(table.title), min(width, max(map(len, table.title.split())))
    return Group(*parts, Text("\n".join(notes), style="table.caption"))


def _numbers(table: Table, intervals: Intervals, *, plain: bool, join: str) -> list[_Column]:
    """Return the columns of values and counts; what stands in one of their cells is joined by `join`."""
    printed = partial(
        cell_text, marks=marks_of(table), intervals=intervals, bold="*{}" if plain else "{}", raised=" {}"
    )
    rows = [[printed(*pair, join=join) for pair in pairs_of(table, row)] for row in table.rows]
    cells = [[*texts, *count] for texts, count in zip(rows, count_texts(table), strict=True)]
    columns = []
    for place, heading in enumerate(headings_of(table)[len(table.headings) :]):
        column = table.columns[place] if place < len(table.columns) else None
        if join == "\n" and column and column.over:
            heading = f"{column.over}\n{broken(column.label, 10)}"
        best = [column is not None and row.cells[place].best for row in table.rows]
        styles = tuple("bold green" if one else "" for one in best)
        columns.append(_Column(heading, tuple(row[place] for row in cells), styles))
    return columns


def _names(table: Table, room: int) -> list[_Column]:
    return [
        _Column(heading, tuple(broken(row.labels[place], room) for row in table.rows), justify="left")
        for place, heading in enumerate(headings_of(table)[: len(table.headings)])
    ]


def _total(names: Sequence[_Column], numbers: Sequence[_Column]) -> int:
    return 2 + sum(column.width for column in (*names, *numbers))


def _parts(names: Sequence[_Column], numbers: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """Split the numbers into tables that fit, each of at least one column."""
    part: list[_Column] = []
    for column in numbers:
        if part and _total(names, [*part, column]) > width:
            yield part
            part = []
        part.append(column)
    yield part


def _drawn(columns: Sequence[_Column]) -> rich.table.Table:
    out = rich.table.Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        out.add_column(
            Text(column.heading), justify=column.justify, overflow="fold", min_width=column.width - 2
        )
    for place, cells in enumerate(zip(*(column.cells for column in columns), strict=True)):
        styles = [column.styles[place] if column.styles else "" for column in columns]
        out.add_row(*map(Text, cells, styles))
    return out
