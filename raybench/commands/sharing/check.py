"""`raybench check`: find out whether a bundle says what its records say."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ...benchmark.suite import Remeasuring
from ..options import read_options, with_options

EXAMPLE = "Example: raybench check results/submitted/*.zip --remeasure 20 --data imagenet=~/imagenet"


@with_options(Remeasuring)
def check(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="Bundles, or result folders.")],
    form: Annotated[
        Literal["text", "json", "markdown"], typer.Option("--format", help="How to print what was found.")
    ] = "text",
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="BUNDLE", help="Bundles on the board, or a folder of them, to look for copies."),
    ] = None,
    **options: Any,
) -> None:
    """Recompute every number of bundles from their records, and name each thing that is wrong.

    Exit code 0: nothing is wrong. 1: something is. 2: a bundle, or the command, cannot be used.
    """
    from ...benchmark.submission import check as check_one
    from ...benchmark.submission import remeasuring, render
    from ..reporting import reporter as telling

    further = None
    if options["images"] is not None or options["data"]:
        # a submitter who knew the seed would need to be honest on those images only
        drawing = {"images": options["images"] or 0, "seed": options["seed"] or secrets.token_hex(16)}
        further = remeasuring(read_options(Remeasuring, {**options, **drawing}), telling())
    board = [bundle for path in against or () for bundle in (sorted(path.glob("*.zip")) or [path])]
    reports = [
        check_one(path, further=further, board=[*board, *(one for one in bundles if one != path)])
        for path in bundles
    ]
    typer.echo(render(reports, form), nl=False)
    code = max(report.exit_code for report in reports)
    if any(report.verdict == "open" for report in reports):
        typer.echo("next: look at the images that are left out, with --data NAME=PATH", err=True)
    else:
        typer.echo(_next(code, remeasured=further is not None), err=True)
    raise typer.Exit(code)


def _next(code: int, *, remeasured: bool) -> str:
    if code:
        return "next: mend what is wrong or measure it again, then make the bundle anew: raybench submit"
    if remeasured:
        return "next: raybench leaderboard, to see it on the board"
    return "next: check the numbers themselves with --remeasure N --data NAME=PATH"
