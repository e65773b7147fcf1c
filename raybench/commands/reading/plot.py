"""`raybench plot`: see what runs measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EXAMPLE", "plot"]

EXAMPLE = "Example: raybench plot runs/real-small -o plots"


def plot(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Result folders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the pictures.")] = Path("plots"),
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Allow runs under different protocols or on different data.")
    ] = False,
) -> None:
    """Draw bars per metric, accuracy against localisation, and a gallery of maps, as PNG and SVG."""
    from ...benchmark.pictures import plot_all
    from ...benchmark.results import lost_rows, open_results

    for folder in folders:
        for line in lost_rows(open_results(folder)):
            typer.echo(f"{folder}: {line}", err=True)
    for path in plot_all(folders, out, mixed=mixed):
        typer.echo(f"look at {path}", err=True)
