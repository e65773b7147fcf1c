"""`raybench submit`: make a bundle of results for the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: raybench submit runs/mine -o results/submitted/my-resnet50.zip"


def submit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result folder of a complete run.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="BUNDLE.zip", help="File to write.")],
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(metavar="CARD.yaml", help="Your card, to name the public address of your weights."),
    ] = None,
) -> None:
    """Check a result folder and write a bundle: records, summary, manifest and cards, without your paths."""
    from ...benchmark.submission import render
    from ...benchmark.submission import submit as write_bundle
    from ...checkpoints import find_card

    report = write_bundle(folder, out, cards=[find_card(name) for name in checkpoint or ()])
    typer.echo(render([report], "text"), nl=False)
    if report.exit_code:
        message = "no bundle was written; mend what is wrong, or measure it again with raybench run --fresh"
    else:
        message = (
            f"{out.stat().st_size / 1e3:,.0f} kB; next: add {out} by a pull request, see docs/submitting.md"
        )
    typer.echo(message, err=True)
    raise typer.Exit(report.exit_code)
