"""`raybench table`: compare what runs measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ...base import RaybenchError

__all__ = ["EXAMPLE", "table"]

EXAMPLE = "Example: raybench table runs/real-small --with-published"


def table(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="DIR...", help="Result folders.")] = None,
    form: Annotated[
        Literal["terminal", "markdown", "latex", "csv", "html"],
        typer.Option("--format", help="How to print it."),
    ] = "terminal",
    with_published: Annotated[
        bool, typer.Option("--with-published", help="Put published values beside measured ones.")
    ] = False,
    published: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Print what was published: aaai21, torchray or wsol-center."),
    ] = None,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Allow runs under different protocols or on different data.")
    ] = False,
    subset: Annotated[
        str, typer.Option(metavar="NAME", help="Of the queries of a subset alone, such as difficult.")
    ] = "",
    intervals: Annotated[bool, typer.Option("--intervals", help="Show 95 % intervals.")] = False,
) -> None:
    """Compare checkpoints and methods: a row each, metrics as columns, the best value marked."""
    from rich.console import Console

    from ...benchmark.tables import comparison_table, published_tables, render_table, rich_table

    if bool(folders) == bool(published):
        raise RaybenchError("give result folders, or --published SOURCE, such as runs/demo or aaai21")
    if published:
        tables = published_tables(published)
    else:
        tables = (comparison_table(folders or [], with_published=with_published, mixed=mixed, subset=subset),)
    console = Console()
    for number, one in enumerate(tables):
        if form == "terminal":
            console.print(rich_table(one, intervals=intervals, width=console.width))
        else:
            text = render_table(one, form, intervals=intervals)
            typer.echo(("\n" if number else "") + text, nl=False)
