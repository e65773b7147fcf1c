"""`raybench explain`: where do networks look in one picture, or in a folder of them?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

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
            help="Which method; several.",
            show_default="grad_cam",
        ),
    ] = None,
    class_name: Annotated[
        list[str] | None,
        typer.Option("--class", help="Class to look for; several.", show_default="the most probable"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="File to write: .png, .pdf, .svg; of a folder, the folder to write to.",
            show_default="explained.png or explained",
        ),
    ] = None,
    form: Annotated[
        Literal["png", "pdf", "svg"] | None,
        typer.Option("--format", help="Format of the figures.", show_default="by the ending of -o, or png"),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Keep the maps too, in this .npz; of a folder, in this folder.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Gives input size and map treatment.",
            show_default="aaai21; native or native-whole for networks of a size other than 224",
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

    places = _places(image, out, form, save)
    folders, chosen = parse_data(data or []), pick_device(device)
    networks = [load_network(name, device=chosen, data=folders, trust_code=trust_code) for name in checkpoint]
    for path, figure, maps in places:
        with shown_by(telling().working):
            explained = explained_by(
                networks,
                path,
                class_name or None,
                attribution or ["grad_cam"],
                protocol=protocol,
                trust_code=trust_code,
            )
        explained.save(figure)
        if maps:
            explained.save(maps)
        _tell(explained, figure)


class _Places(NamedTuple):
    """A picture, and where its figure and its maps go."""

    picture: Path
    figure: Path
    maps: Path | None


def _places(image: Path, out: Path | None, form: str | None, save: Path | None) -> list[_Places]:
    """Refuse names of files where folders are meant, before networks are loaded."""
    pictures = _pictures(image)
    if not image.is_dir():
        figure = out or Path(f"explained.{form or 'png'}")
        if form and figure.suffix.lower() != f".{form}":
            raise RaybenchError(
                f"-o {figure} does not end in .{form}, as --format says; leave one of them out"
            )
        if save and save.suffix != ".npz":
            raise RaybenchError(f"--save {save}: maps are kept as .npz; give the file that ending")
        return [_Places(image, figure, save)]
    for option, path in (("-o", out), ("--save", save)):
        if path and path.suffix.lower() in (".png", ".pdf", ".svg", ".npz") and not path.is_dir():
            kind = path.suffix.lower().removeprefix(".")
            more = "" if kind == "npz" else f" --format {kind}"
            raise RaybenchError(
                f"{option} {path} is the name of a file, and {image} is a folder of pictures: name a folder, "
                f"as in {option} {path.with_suffix('')}{more}"
            )
    stems = Counter(path.stem for path in pictures)
    names = [path.stem if stems[path.stem] == 1 else path.name for path in pictures]
    folder, form = out or Path("explained"), form or "png"
    return [
        _Places(path, folder / f"{name}.{form}", save / f"{name}.npz" if save else None)
        for path, name in zip(pictures, names, strict=True)
    ]


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
