"""`raybench table`: compare what runs measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ...base import RaybenchError
from ..options import Out
from ..printing import print_tables

EXAMPLE = "Example: raybench table runs/real-small --with-published"

_KINDS = {
    ".md": "markdown",
    ".txt": "markdown",
    "": "markdown",
    ".tex": "latex",
    ".csv": "csv",
    ".html": "html",
    ".json": "json",
}
"""Formats by the endings of files."""


def table(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="DIR...", help="Result folders.")] = None,
    form: Annotated[
        Literal["terminal", "markdown", "latex", "csv", "html", "json"],
        typer.Option("--format", help="How to print it; a file's ending says it too."),
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
    rows: Annotated[
        str,
        typer.Option(
            metavar="NAME,...", help="These rows, in this order: checkpoints, methods, or 'resnet*/rise'."
        ),
    ] = "",
    columns: Annotated[
        str, typer.Option(metavar="METRIC,...", help="These metrics, in this order, such as PG,CH.")
    ] = "",
    pivot: Annotated[
        Literal["attribution", "checkpoint"] | None,
        typer.Option(help="A column for each of them under every metric."),
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="Show 95 % intervals.")] = False,
    half_width: Annotated[
        bool, typer.Option("--half-width", help="Show half the width of 95 % intervals, as ± 1.23.")
    ] = False,
    sort: Annotated[str, typer.Option(metavar="METRIC", help="Best values of this column first.")] = "",
    digits: Annotated[
        int | None, typer.Option(min=0, max=9, help="Digits behind the point.", show_default="2 or 3")
    ] = None,
    out: Out = None,
) -> None:
    """Compare checkpoints and methods: a row each, metrics as columns, the best marked, with its ties."""
    from ...benchmark.results import write_atomically
    from ...benchmark.tables import arranged, comparison_table, published_tables, render_table

    if bool(folders) == bool(published):
        raise RaybenchError("give result folders, or --published SOURCE, such as runs/demo or aaai21")
    if published and (rows or columns or pivot):
        raise RaybenchError("--rows, --columns and --pivot arrange result folders; leave out --published")
    kind = form if form != "terminal" or out is None else _kind_of(out)
    if published:
        tables = published_tables(published)
    else:
        tables = (
            comparison_table(
                folders or [],
                with_published=with_published,
                mixed=mixed,
                subset=subset,
                rows=_names(rows),
                columns=_names(columns),
                pivot=pivot or "",
                tied=True,
            ),
        )
    tables = tuple(arranged(one, sort=sort, digits=digits) for one in tables)
    shown: bool | Literal["half-width"] = "half-width" if half_width else intervals
    if kind == "terminal":
        print_tables(tables, intervals=shown)
        return
    text = "\n".join(render_table(one, kind, intervals=shown) for one in tables)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_atomically(out, text)
    typer.echo(f"wrote {out}", err=True)


def _kind_of(out: Path) -> str:
    """Return the format that the ending of a file says."""
    kind = _KINDS.get(out.suffix.lower())
    if kind is None:
        known = ", ".join(ending for ending in _KINDS if ending)
        raise RaybenchError(
            f"-o {out}: no table is written as {out.suffix}; use {known}, or say its --format"
        )
    return kind


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]
