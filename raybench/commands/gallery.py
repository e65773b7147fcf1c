"""`raybench gallery`: keep the pictures worth looking at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import parse_data

__all__ = ["EXAMPLE", "gallery"]

EXAMPLE = "Example: raybench gallery runs/demo && raybench leaderboard runs/demo -o site"


def gallery(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result folder of a finished run.")],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Folder of a dataset; default: $RAYBENCH_DATA/NAME."),
    ] = None,
    images: Annotated[
        int, typer.Option(min=1, max=20, help="Queries to choose for each of: best, worst, disputed.")
    ] = 3,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(metavar="CARD.yaml", help="Card of a checkpoint that does not ship with raybench."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Let cards name code of installed packages as architecture.")
    ] = False,
) -> None:
    """Choose the best, worst and most disputed queries of a run and keep their maps for the gallery."""
    from ..benchmark.running import Again, extend_gallery
    from .progress import ProgressReporter

    reporter = ProgressReporter()
    again = Again(
        data=parse_data(data or []),
        checkpoints=tuple(checkpoint or ()),
        each=images,
        device=device,
        trust_code=trust_code,
    )
    choice = extend_gallery(folder, again, reporter=reporter)
    for query in choice.queries:
        numbers = f"{choice.metric} {query.mean:.1f} ± {query.spread:.1f} over the rows"
        reporter.say(f"{query.reason:9} {query.image_id}, class {query.class_index}: {numbers}")
    reporter.say(f"next: raybench leaderboard {folder} -o site    raybench report {folder} -o report.html")
