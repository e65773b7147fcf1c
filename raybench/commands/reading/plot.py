"""`raybench plot`: see what runs measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ...base import RaybenchError
from ..options import refuse_file

EXAMPLE = "Example: raybench plot runs/real-small -o plots"


def plot(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Result folders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the pictures.")] = Path("plots"),
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Allow runs under different protocols or on different data.")
    ] = False,
    only: Annotated[
        str, typer.Option(metavar="NAME,...", help="These alone of bars, accuracy, ranks, curves, gallery.")
    ] = "",
    form: Annotated[
        str, typer.Option("--format", metavar="NAME,...", help="Formats: png, svg, pdf.")
    ] = "png,svg",
    width: Annotated[
        str,
        typer.Option(metavar="INCHES", help="Width of each figure, such as 3.3 for a column of a paper."),
    ] = "",
) -> None:
    """Draw bars per metric, accuracy against localisation, ranks, curves, a gallery; their numbers as CSV."""
    from ...benchmark.pictures import plot_all
    from ...benchmark.results import lost_rows, open_results

    refuse_file(out, "what plot draws")
    for folder in folders:
        for line in lost_rows(open_results(folder)):
            typer.echo(f"{folder}: {line}", err=True)
    names, formats = ([one.strip() for one in text.split(",") if one.strip()] for text in (only, form))
    paths = plot_all(folders, out, mixed=mixed, only=names, formats=formats, width=_inches(width))
    for path in paths:
        typer.echo(f"look at {path}", err=True)
    for name in names:
        if not any(path.stem.partition("-")[0] == name for path in paths):
            lacks = {"accuracy": "one checkpoint, or no accuracy", "ranks": "one metric, or one method"}
            said = lacks.get(name, "no such results")
            typer.echo(f"{name}: nothing to draw: {said} in {', '.join(map(str, folders))}", err=True)


def _inches(text: str) -> float | None:
    """Read `3.3`, `3.3in` or `84mm`."""
    if not text:
        return None
    match = re.fullmatch(r"([0-9]+\.?[0-9]*)\s*(in|mm|cm|)", text.strip())
    width = float(match[1]) / {"": 1, "in": 1, "cm": 2.54, "mm": 25.4}[match[2]] if match else 0
    if not 1 <= width <= 60:
        raise RaybenchError(f"--width {text}: expected 1 to 60 inches, such as 3.3, 3.3in or 84mm")
    return width
