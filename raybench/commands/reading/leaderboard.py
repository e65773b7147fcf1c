"""`raybench leaderboard`: turn result folders into a static site."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ..options import refuse_file

EXAMPLE = "Example: raybench leaderboard runs/real-small results/measured -o site"


def leaderboard(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Result folders, folders that hold some, or bundles (.zip)."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the site.")] = Path("site"),
    with_published: Annotated[
        bool,
        typer.Option(
            "--with-published/--without-published", help="Show published rows that nobody has measured."
        ),
    ] = True,
) -> None:
    """Build the leaderboard: a page to open from the disk, offline, or to put on any web host."""
    from ...base import RaybenchError
    from ...benchmark.board import build_site
    from ...benchmark.submission import collect_all

    refuse_file(out, "the site")
    with tempfile.TemporaryDirectory() as unpacked:
        board = collect_all(folders, Path(unpacked), with_published=with_published)
        page = build_site(board, out)
    measured = sum(len(section.rows) for section in board.sections)
    if not measured:
        raise RaybenchError(
            f"nothing in the {len(folders)} folders given could be used; {out / 'excluded.html'} says why"
        )
    if board.excluded:
        first = board.excluded[0].reason
        listed = f"(all are listed in {out / 'excluded.html'})"
        typer.echo(f"left out: {len(board.excluded)}; the first: {first} {listed}", err=True)
    typer.echo(f"{measured} rows; open {page}", err=True)
