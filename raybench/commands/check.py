"""`raybench check`: find out whether a bundle says what its records say."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..base import RaybenchError
from .options import parse_data

if TYPE_CHECKING:
    from ..benchmark.submission import Further, Report

__all__ = ["EXAMPLE", "check"]

EXAMPLE = "Example: raybench check results/submitted/*.zip --remeasure 20 --data imagenet=~/imagenet"


class Format(str, Enum):
    """How reports are printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def check(
    bundles: Annotated[
        list[Path] | None, typer.Argument(metavar="BUNDLE...", help="Bundles, or result folders.")
    ] = None,
    kind: Annotated[Format, typer.Option("--format", help="How to print what was found.")] = Format.TEXT,
    again: Annotated[
        int | None,
        typer.Option("--remeasure", min=1, metavar="N", help="Measure N random images again and compare."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Which images are drawn.  [default: another one each time]")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Folder of a dataset, to measure again.")
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(metavar="CARD.yaml", help="Card that you trust, of a checkpoint that does not ship."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, to measure again.")] = "auto",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Let your cards name code of installed packages.")
    ] = False,
    changed_since: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="Check what a branch adds to results/submitted."),
    ] = None,
    repository: Annotated[Path, typer.Option(help="Where --changed-since looks.")] = Path(),
) -> None:
    """Recompute every number of bundles from their records, and name each thing that is wrong.

    Exit code 0: nothing is wrong. 1: something is. 2: a bundle, or the command, cannot be used.
    """
    from rich.console import Console

    from ..benchmark.submission import check as check_one
    from ..benchmark.submission import render

    if (changed_since is None) == (not bundles):
        raise RaybenchError(
            "give bundles to check, or --changed-since REVISION, such as results/submitted/mine.zip"
        )
    reports: list[Report] = []
    paths = bundles or []
    if changed_since is not None:
        paths, reports = _changed(changed_since, repository)
    further = None
    if again is not None:
        further = _remeasuring(again, seed, data or [], checkpoint or [], device, trust_code=trust_code)
    reports += [check_one(path, further=further) for path in paths]
    typer.echo(render(reports, kind.value), nl=False)
    code = max((report.exit_code for report in reports), default=0)
    console = Console(stderr=True)
    console.print(_next(code, len(paths), remeasured=again is not None), highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _changed(revision: str, repository: Path) -> tuple[list[Path], list[Report]]:
    """Bundles that a branch adds or changes, and a report on whatever else it does beside them."""
    from ..base import quoted
    from ..benchmark.submission import FOLDER, Findings, Report, changes_since

    changes = changes_since(revision, repository)
    findings = Findings()
    for name in changes.strangers:
        findings.problem(
            "", f"{quoted(name)} is no bundle; only .zip files from raybench submit belong in {FOLDER}"
        )
    for name in changes.taken:
        findings.remark("", f"{quoted(name)} was on the board before, and is changed or removed")
    report = Report(f"changes in {FOLDER}", tuple(findings.all), {"bundles to check": len(changes.bundles)})
    return [repository / name for name in changes.bundles], [report]


def _remeasuring(
    images: int, seed: int | None, data: list[str], cards: list[str], device: str, *, trust_code: bool
) -> Further:
    """Return the further check that measures random images again."""
    from ..benchmark.submission import Checked, Findings, Remeasuring, remeasure
    from .progress import ProgressReporter

    # a submitter who knew the seed would need to be honest on those images only
    drawn = secrets.randbelow(2**31) if seed is None else seed
    how = Remeasuring(images, drawn, parse_data(data), cards, device, trust_code)

    def further(checked: Checked, findings: Findings) -> Mapping[str, object]:
        agreement = remeasure(checked, how, findings, reporter=ProgressReporter())
        return {
            "measured again": f"{agreement.images} images, seed {drawn}",
            "agreement": agreement.worded(),
        }

    return further


def _next(code: int, count: int, *, remeasured: bool) -> str:
    if code:
        return "next: mend what is wrong or measure it again, then make the bundle anew: raybench submit"
    if not count:
        return "no bundle was added or changed; next: raybench submit DIR -o results/submitted/NAME.zip"
    if remeasured:
        return "next: raybench leaderboard, to see it on the board"
    return "next: check the numbers themselves with --remeasure N --data NAME=PATH"
