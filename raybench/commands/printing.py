"""Prints what is laid out for a terminal, there and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from ..benchmark.results import Table

_ENDLESS = 100_000


def wide_console() -> Console:
    """A console as wide as the terminal; a pipe or a file has no width that anything is broken to fit."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_ENDLESS)


def print_tables(tables: Sequence[Table], *, intervals: bool | Literal["half-width"] = False) -> None:
    """Print tables of results."""
    from ..benchmark.tables import rich_table

    console = wide_console()
    plain = not console.is_terminal or console.no_color
    for table in tables:
        laid = rich_table(table, intervals=intervals, width=console.width, plain=plain)
        console.print(laid, crop=False)
