"""`raybench explain`: where does a network look in one picture?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import parse_data

__all__ = ["EXAMPLE", "explain"]

EXAMPLE = (
    "Example: raybench explain dog.jpg --checkpoint resnet18 --attribution grad_cam -o dog-explained.png"
)


def explain(
    image: Annotated[Path, typer.Argument(help="Picture to explain.")],
    checkpoint: Annotated[
        str, typer.Option(metavar="NAME|CARD.yaml|FILE.py:FUNCTION", help="Which network.")
    ],
    attribution: Annotated[
        str, typer.Option(metavar="NAME|FILE.py:FUNCTION", help="Which method.")
    ] = "grad_cam",
    class_name: Annotated[
        str | None, typer.Option("--class", help="Class to look for.  [default: the most probable]")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture to write.")] = Path("explained.png"),
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Gives input size and map treatment.  [default: aaai21; native or native-whole for networks "
            "of a size other than 224]"
        ),
    ] = None,
    data: Annotated[list[str] | None, typer.Option(metavar="NAME=PATH", help="Folder of weights.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run code that the card or --attribution names.")
    ] = False,
) -> None:
    """Draw a picture, its saliency map, the map laid over it, and the five most probable classes."""
    from ...attributions import shown_by
    from ...base import Point
    from ...benchmark.datasets import upright_picture
    from ...benchmark.measuring import explain_image, usual_protocol
    from ...benchmark.pictures import explain_figure, save_figure
    from ...benchmark.running import pick_device
    from ...checkpoints import load_network
    from ..plain import reporter as telling

    picture, turned = upright_picture(image)
    network = load_network(
        checkpoint, device=pick_device(device), data=parse_data(data or []), trust_code=trust_code
    )
    rules = protocol or usual_protocol(network)
    with shown_by(telling().working):
        explanation = explain_image(
            network,
            picture,
            class_name,
            attribution=attribution,
            protocol=rules,
            trust_code=trust_code,
        )
    label = network.classes.labels[explanation.class_index[0]]
    saliency = explanation.saliency[0].cpu().numpy()
    y, x = divmod(int(saliency.argmax()), saliency.shape[1])
    title = f"{network.name}, {attribution}: {label}"
    figure = explain_figure(picture, saliency, explanation.top5, title=title, point=Point(x, y))
    save_figure(figure, out)
    for name, probability in explanation.top5:
        typer.echo(f"{probability:6.1%}  {name}", err=True)
    for remark in explanation.remarks:
        typer.echo(f"{network.name}: {remark}", err=True)
    if turned:
        typer.echo(turned, err=True)
    if explanation.status[0] != "ok":
        typer.echo(f"the map is {explanation.status[0]}: it says nothing", err=True)
    typer.echo(f"protocol {rules}; look at {out}", err=True)
