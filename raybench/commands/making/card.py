"""`raybench card`: the card that a name stands for, ready to be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import NETWORK, Out, TrustCode

EXAMPLE = "Example: raybench card timm:convnext_tiny.fb_in1k -o convnext.yaml"


def card(
    name: Annotated[str, typer.Argument(metavar=NETWORK, help="Which network.")],
    out: Out = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights of your own in place of those that it names.")
    ] = None,
    trust_code: TrustCode = False,
) -> None:
    """Write the card of a network, with what its library says of its input and classes."""
    from ...base import CodeFiles, RaybenchError
    from ...benchmark.results import write_atomically
    from ...checkpoints import written_card

    folder = out.parent if out else Path()
    text, lists = written_card(name, weights, folder, CodeFiles(trusted=trust_code))
    if out is None:
        typer.echo(text, nl=False)
        return
    for path, content in {out: text, **{folder / file: content for file, content in lists.items()}}.items():
        if path.exists():
            raise RaybenchError(f"{path} exists; name another file by -o")
        write_atomically(path, content)
        typer.echo(f"wrote {path}", err=True)
