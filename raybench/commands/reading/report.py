"""`raybench report`: one run on one page."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

EXAMPLE = "Example: raybench gallery runs/demo && raybench report runs/demo -o demo.html"


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result folder of a finished run.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Page to write: .html.")] = Path(
        "report.html"
    ),
) -> None:
    """Write one page about a run that needs no other file: numbers, plots, gallery, provenance."""
    from ...benchmark.board import write_report
    from ...benchmark.results import ResultFiles

    write_report(folder, out)
    named = quote(str(folder))
    typer.echo(f"open {out}", err=True)
    if ResultFiles(folder).gallery.is_file():
        typer.echo(f"next: raybench leaderboard {named} -o site compares it with other runs", err=True)
    else:
        typer.echo(
            f"next: raybench gallery {named} adds the best, worst and most disputed pictures", err=True
        )
