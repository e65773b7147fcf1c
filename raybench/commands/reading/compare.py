"""`raybench compare`: which of two rows is better, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ...base import RaybenchError
from ..printing import wide_console

EXAMPLE = "Example: raybench compare runs/demo/shapes-baseline/grad_cam runs/demo/shapes-gmp/grad_cam"


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="OUT, OUT/CHECKPOINT or OUT/CHECKPOINT/METHOD.")],
    second: Annotated[
        Path | None,
        typer.Argument(metavar="[B]", help="Likewise; may be of the same run. Not needed with --maps."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="Choose images by this metric.", show_default="the first that is more than hit or miss"
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=0, help="List N images on which A and B differ most.")] = 10,
    form: Annotated[
        Literal["terminal", "markdown", "csv"], typer.Option("--format", help="How to print it.")
    ] = "terminal",
    maps: Annotated[
        bool,
        typer.Option("--maps", help="Compare kept maps, row by row, in place of values: do methods agree?"),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="With --maps: where the picture of the matrices goes.",
            show_default="agreement.png",
        ),
    ] = None,
) -> None:
    """Compare two rows, or all rows that two runs share, image by image: difference, interval and p-value."""
    if maps:
        _compare_maps([first, *([second] if second else [])], form, out or Path("agreement.png"))
        return
    if out:
        raise RaybenchError(
            f"-o {out} goes with --maps; write a comparison by --format {_form_of(out)} > {out}"
        )
    if second is None:
        raise typer.BadParameter("name B too, what A is compared with, or compare the maps of A by --maps")
    from ...benchmark.comparison import compare as compare_rows
    from ...benchmark.comparison import comparison_csv, comparison_markdown, rich_comparison

    found = compare_rows(first, second, metric=metric, images=images)
    if form == "terminal":
        wide_console().print(rich_comparison(found), crop=False)
    else:
        text = comparison_markdown(found) if form == "markdown" else comparison_csv(found)
        typer.echo(text, nl=False)


def _form_of(out: Path) -> str:
    return "csv" if out.suffix.lower() == ".csv" else "markdown"


def _compare_maps(folders: list[Path], form: str, out: Path) -> None:
    from ...benchmark.comparison import agreement_csv, agreement_lines, agreement_matrices, compare_maps
    from ...benchmark.pictures import agreement_figure, save_figure

    found, console = compare_maps(*folders), wide_console()
    if form == "csv":
        typer.echo(agreement_csv(found), nl=False)
    else:
        for line in agreement_lines(found):
            console.print(line, markup=False, highlight=False)
    title = f"How alike maps are: means over {len(found.queries)} queries"
    save_figure(agreement_figure(found.rows, agreement_matrices(found), title), out)
    typer.echo(f"look at {out}", err=True)
