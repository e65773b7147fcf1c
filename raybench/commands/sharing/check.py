"""`raybench check`: find out whether a bundle says what its records say."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ...base import RaybenchError
from ...benchmark.suite import Remeasuring
from ..options import read_options, with_options

EXAMPLE = "Example: raybench check results/submitted/*.zip --remeasure 20 --data imagenet=~/imagenet"


@with_options(Remeasuring)
def check(
    bundles: Annotated[
        list[Path] | None, typer.Argument(metavar="BUNDLE...", help="Bundles, or result folders.")
    ] = None,
    form: Annotated[
        Literal["text", "json", "markdown"], typer.Option("--format", help="How to print what was found.")
    ] = "text",
    changed_since: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="Check what a branch adds to results/submitted."),
    ] = None,
    repository: Annotated[Path, typer.Option(help="Where --changed-since looks.")] = Path(),
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="BUNDLE", help="Bundles on the board, to look for copies among."),
    ] = None,
    **options: Any,
) -> None:
    """Recompute every number of bundles from their records, and name each thing that is wrong.

    Exit code 0: nothing is wrong. 1: something is. 2: a bundle, or the command, cannot be used.
    """
    from ...benchmark.submission import board_before, changes_since, remeasuring, render
    from ...benchmark.submission import check as check_one
    from ..reporting import reporter as telling

    if (changed_since is None) == (not bundles):
        raise RaybenchError(
            "give bundles to check, or --changed-since REVISION, such as results/submitted/mine.zip"
        )
    further = None
    if options["images"] is not None or options["data"]:
        # a submitter who knew the seed would need to be honest on those images only
        drawing = {"images": options["images"] or 0, "seed": options["seed"] or secrets.token_hex(16)}
        further = remeasuring(read_options(Remeasuring, {**options, **drawing}), telling())
    with tempfile.TemporaryDirectory(prefix="raybench-board-") as folder:
        reports, paths, board = [], bundles or [], list(against or [])
        if changed_since is not None:
            changes = changes_since(changed_since, repository)
            reports, paths = [changes.report], [repository / name for name in changes.bundles]
            board += board_before(changed_since, repository, Path(folder))
        for path in paths:
            others = [*board, *(one for one in paths if one != path)]
            reports.append(check_one(path, further=further, board=others))
    typer.echo(render(reports, form), nl=False)
    code = max((report.exit_code for report in reports), default=0)
    if any(report.verdict == "open" for report in reports):
        typer.echo("next: look at the images that are left out, with --data NAME=PATH", err=True)
    else:
        typer.echo(_next(code, len(paths), remeasured=further is not None), err=True)
    raise typer.Exit(code)


def _next(code: int, count: int, *, remeasured: bool) -> str:
    if code:
        return "next: mend what is wrong or measure it again, then make the bundle anew: raybench submit"
    if not count:
        return "no bundle was added or changed; next: raybench submit DIR -o results/submitted/NAME.zip"
    if remeasured:
        return "next: raybench leaderboard, to see it on the board"
    return "next: check the numbers themselves with --remeasure N --data NAME=PATH"
