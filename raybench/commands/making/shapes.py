"""`raybench shapes`: generate the pictures that need no download."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

EXAMPLE = "Example: raybench shapes data/shapes --images 300 && raybench run demo --data shapes=data/shapes"


def shapes(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    images: Annotated[int, typer.Option(min=1, help="Number of pictures.")] = 300,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
) -> None:
    """Generate pictures of shapes with boxes (ILSVRC XML) and masks (COCO JSON)."""
    from ...benchmark.datasets import write_shapes

    write_shapes(folder, images=images, seed=seed)
    typer.echo(f"{images} pictures are in {folder}", err=True)
    typer.echo(f"next: raybench run demo --data {quote(f'shapes={folder}')}", err=True)
