"""`raybench status`: how far a run is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

EXAMPLE = "Example: raybench status runs/real-small"


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result folder of a run.")],
    form: Annotated[
        Literal["terminal", "json"], typer.Option("--format", help="How to print it.")
    ] = "terminal",
) -> None:
    """Say how many images of each row are measured, and which command goes on; while a run goes on, too."""
    from ...benchmark.results import standing_of

    found = standing_of(folder)
    typer.echo(json.dumps(found.plain(), indent=2) if form == "json" else "\n".join(found.lines()))
