"""`raybench compare`: which of two rows is better, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["EXAMPLE", "compare"]

EXAMPLE = "Example: raybench compare runs/demo/shapes-baseline/grad_cam runs/demo/shapes-gmp/grad_cam"


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="OUT, OUT/CHECKPOINT or OUT/CHECKPOINT/METHOD.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Likewise; may be of the same run.")],
    metric: Annotated[
        str | None,
        typer.Option(
            help="Choose images by this metric.  [default: the first that is more than hit or miss]"
        ),
    ] = None,
    images: Annotated[int, typer.Option(min=0, help="List N images on which A and B differ most.")] = 10,
    form: Annotated[
        Literal["terminal", "markdown", "csv"], typer.Option("--format", help="How to print it.")
    ] = "terminal",
) -> None:
    """Compare two rows, or all rows that two runs share, image by image: difference, interval and p-value."""
    from rich.console import Console

    from ...benchmark.comparison import compare as compare_rows
    from ...benchmark.comparison import comparison_csv, comparison_markdown, rich_comparison

    found = compare_rows(first, second, metric=metric, images=images)
    if form == "terminal":
        Console().print(rich_comparison(found))
    else:
        text = comparison_markdown(found) if form == "markdown" else comparison_csv(found)
        typer.echo(text, nl=False)
