"""`raybench card`: the card that a name stands for, ready to be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EXAMPLE", "card"]

EXAMPLE = "Example: raybench card timm:convnext_tiny.fb_in1k -o convnext.yaml"


def card(
    name: Annotated[str, typer.Argument(metavar="NAME|CARD.yaml|FILE.py:FUNCTION", help="Which network.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write.  [default: print it]")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights of your own in place of those that it names.")
    ] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run code of the file that NAME names.")
    ] = False,
) -> None:
    """Write the card of a network, with what its library says of its input and classes."""
    from ...base import CodeFiles, RaybenchError
    from ...checkpoints import written_card

    folder = out.parent if out else Path()
    text, lists = written_card(name, weights, folder, CodeFiles(trusted=trust_code))
    if out is None:
        typer.echo(text, nl=False)
        return
    for path, content in {out: text, **{folder / file: content for file, content in lists.items()}}.items():
        if path.exists():
            raise RaybenchError(f"{path} exists; name another file by -o")
        try:
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise RaybenchError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None
        typer.echo(f"wrote {path}", err=True)
