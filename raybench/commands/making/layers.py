"""`raybench layers`: where in a network maps may be read, and what passes there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..options import NETWORK, Data, Device, TrustCode, parse_data

if TYPE_CHECKING:
    from ...attributions import Survey
    from ...checkpoints import Network

EXAMPLE = "Example: raybench layers timm:vit_small_patch16_224 --image dog.jpg -o layers.png"


def layers(
    checkpoint: Annotated[str, typer.Argument(metavar=NETWORK, help="Which network.")],
    most: Annotated[int, typer.Option(min=1, help="How many layers, from the last on.")] = 12,
    image: Annotated[Path | None, typer.Option(help="Picture whose maps are drawn for each layer.")] = None,
    attribution: Annotated[str, typer.Option(help="Method of the maps, with an option layer.")] = "grad_cam",
    class_name: Annotated[
        str | None, typer.Option("--class", help="Class to look for.", show_default="the most probable")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture to write.")] = Path("layers.png"),
    data: Data = None,
    device: Device = "auto",
    trust_code: TrustCode = False,
) -> None:
    """List the layers at which maps may be read, the last first: layout, and how much evidence passes.

    evidence: share of what makes the scores of two pictures different that passes the layer. margin: how
    much more a change to a quarter of the picture shows in that quarter than elsewhere. places: at how many a
    score depends on the layer. left: what sums over channels leave of activations times gradients.
    """
    from ...attributions import survey
    from ...benchmark.running import pick_device
    from ...checkpoints import load_network

    network = load_network(
        checkpoint, device=pick_device(device), data=parse_data(data or []), trust_code=trust_code
    )
    surveyed = survey(network, most)
    for line in _table(surveyed, network.target_layer):
        typer.echo(line)
    if surveyed.reason:
        typer.echo(surveyed.reason, err=True)
    if image is not None:
        _draw(network, surveyed, image, attribution, class_name, out, trust_code)
        typer.echo(f"look at {out}", err=True)


def _table(surveyed: Survey, named: str | None) -> list[str]:
    head = ("", "layer", "type", "shape", "layout", "evidence", "margin", "places", "left")
    rows = [head]
    for candidate, share, cut in surveyed.layers:
        name = candidate.call.name
        marks = ("auto" if name == surveyed.found else "", "card" if name == named else "")
        rows.append(
            (
                " ".join(filter(None, marks)),
                name,
                candidate.call.kind,
                " x ".join(map(str, candidate.call.shape[1:])),
                candidate.layout.words,
                "all" if cut else f"{share:.0%}",
                f"{min(candidate.margin, 999):.2f}",
                f"{candidate.places:.0%}",
                f"{candidate.left:.1e}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _draw(
    network: Network,
    surveyed: Survey,
    image: Path,
    attribution: str,
    class_name: str | None,
    out: Path,
    trust_code: bool,
) -> None:
    """Draw a map from each layer; a layer from which there is none says why in its title."""
    import numpy as np

    from ...base import RaybenchError
    from ...benchmark.datasets import read_picture
    from ...benchmark.measuring import explain_image
    from ...benchmark.pictures import maps_figure, save_figure

    picture = read_picture(image)
    maps = []
    for surveyed_layer in surveyed.layers:
        name = surveyed_layer.candidate.call.name
        try:
            made = explain_image(
                network, picture, class_name, attribution=attribution, trust_code=trust_code, layer=name
            )
            words = name if made.status[0] == "ok" else f"{name}: {made.status[0]}"
            maps.append((words, made.saliency[0].cpu().numpy()))
        except RaybenchError as error:
            maps.append((f"{name}: {str(error)[:40]}…", np.zeros((picture.height, picture.width))))
    save_figure(maps_figure(picture, maps, title=f"{network.name}, {attribution}"), out)
