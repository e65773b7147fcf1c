"""Arranges a table for its reader: the order of its rows, and how many digits are printed."""

from __future__ import annotations

import math
from dataclasses import replace

from ...base import UnknownNameError
from ..results import NO_CHECKPOINT, Row, Table

__all__ = ["arranged"]


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
        names = [{column.label.casefold(), column.metric} for column in table.columns]
        place = next((at for at, known in enumerate(names) if sort.casefold() in known), None)
        if place is None:
            raise UnknownNameError("column", sort, [column.label for column in table.columns], "--sort")
        sign = -1 if table.columns[place].higher_is_better else 1

        def key(row: Row) -> tuple[bool, bool, float]:
            value = row.cells[place].value
            missing = math.isnan(value)
            return NO_CHECKPOINT in row.labels, missing, 0.0 if missing else sign * value

        table = replace(table, rows=tuple(sorted(table.rows, key=key)))
    if digits is not None:
        table = replace(table, columns=tuple(replace(one, places=digits) for one in table.columns))
    return table
