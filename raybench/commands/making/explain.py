"""`raybench explain`: where do networks look in one picture, or in a folder of them?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...base import RaybenchError
from ..options import NETWORK, Data, Device, TrustCode, parse_data

if TYPE_CHECKING:
    from ...explaining import Explained

EXAMPLE = (
    "Example: raybench explain dog.jpg --checkpoint resnet18 --attribution grad_cam --attribution gradient "
    "-o dog-explained.png"
)


def explain(
    image: Annotated[Path, typer.Argument(help="Picture to explain, or a folder of pictures.")],
    checkpoint: Annotated[list[str], typer.Option(metavar=NETWORK, help="Which network; several.")],
    attribution: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|{name: NAME, …}|FILE.py:FUNCTION",
            help="Which method; several.  [default: grad_cam]",
        ),
    ] = None,
    class_name: Annotated[
        list[str] | None,
        typer.Option("--class", help="Class to look for; several.  [default: the most probable]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="File to write: .png, .svg, .pdf; of a folder, the folder to write to.  [default: "
            "explained.png or explained]",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Keep the maps too, as .npz; of a folder, beside the figures.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Gives input size and map treatment.  [default: aaai21; native or native-whole for networks "
            "of a size other than 224]"
        ),
    ] = None,
    data: Data = None,
    device: Device = "auto",
    trust_code: TrustCode = False,
) -> None:
    """Draw where networks look: one map beside the most probable classes, or several side by side."""
    from ...attributions import shown_by
    from ...benchmark.running import pick_device
    from ...checkpoints import load_network
    from ...explaining import explain as explained_by
    from ..reporting import reporter as telling

    pictures = _pictures(image)
    folders, chosen = parse_data(data or []), pick_device(device)
    networks = [load_network(name, device=chosen, data=folders, trust_code=trust_code) for name in checkpoint]
    several = image.is_dir()
    out = out or Path("explained" if several else "explained.png")
    for path in pictures:
        with shown_by(telling().working):
            explained = explained_by(
                networks,
                path,
                class_name or None,
                attribution or ["grad_cam"],
                protocol=protocol,
                trust_code=trust_code,
            )
        target = out / f"{path.stem}.png" if several else out
        explained.save(target)
        if save:
            explained.save(out / f"{path.stem}.npz" if several else save)
        _tell(explained, target)


def _pictures(path: Path) -> list[Path]:
    from ...benchmark.datasets import PICTURE_SUFFIXES, files_in

    if not path.exists():  # before networks are loaded
        raise RaybenchError(f"cannot read {path}: no such file or folder")
    if not path.is_dir():
        return [path]
    found = [path / name for name in files_in(path, PICTURE_SUFFIXES)]
    if not found:
        raise RaybenchError(f"{path} holds no picture; name a file, or a folder with pictures in it")
    return found


def _tell(explained: Explained, target: Path) -> None:
    for network, classes in explained.top5.items():
        if len(explained.top5) > 1:
            typer.echo(f"{network}:", err=True)
        for name, probability in classes:
            typer.echo(f"{probability:6.1%}  {name}", err=True)
    for remark in explained.remarks:
        typer.echo(remark, err=True)
    for row, words in zip(explained.rows, explained.status, strict=True):
        for method, status in zip(explained.methods, words, strict=True):
            if status != "ok":
                typer.echo(
                    f"the map of {method}, {row.network}, {row.label}, is {status}: it says nothing", err=True
                )
    protocols = ", ".join(dict.fromkeys(explained.protocols.values()))
    typer.echo(f"{', '.join(explained.methods)}; protocol {protocols}; look at {target}", err=True)
