"""`raybench init`: a suite and a card for a folder of pictures, written after a look at it."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, NamedTuple

import typer
import yaml

from ...base import RaybenchError

EXAMPLE = "Example: raybench init mine && raybench run mine/suite.yaml --out runs/mine"

_SCHEMAS = ".raybench"
_WEIGHTS = (".pth", ".pt", ".safetensors", ".bin", ".ckpt")

_SUITE = """\
{server}# What is measured: raybench run {path}
name: {name}
protocol: aaai21-clamped  # the rules: raybench list protocols
dataset: {dataset}
checkpoints: [{checkpoint}]  # cards beside this file, or names such as torchvision:resnet50
attributions:  # raybench list attributions
  - grad_cam
  - gradient
  - {{name: integrated_gradients, steps: 16}}
  - center  # the middle of every picture: what a method has to beat
metrics: [{accuracy}, PG, SPG, CH]  # raybench list metrics
"""

_CARD = """\
{server}# Your network; docs/checkpoints.md explains every key
name: my-network
architecture: {architecture}  # a torchvision name, timm:NAME, or FILE.py:FUNCTION of your own (--trust-code)
classes: {classes}  # {number} lines, in the order of the network's outputs
weights: {{path: {weights}}}  # relative to this file: .pth, .pt or .safetensors
target_layer: auto  # where Grad-CAM reads; raybench finds the last convolutional stage
# mean: [0.485, 0.456, 0.406]  # of the training, if they were not ImageNet's
# std: [0.229, 0.224, 0.225]
"""


def init(
    folder: Annotated[Path, typer.Argument(help="Folder that holds pictures, and boxes or masks.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|CARD.yaml|FILE.pth",
            help="Network to measure, or its weights.",
            show_default="the only weight file in the folder",
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the weights.", show_default="told by their tensors"),
    ] = None,
) -> None:
    """Look at a folder of pictures, and write suite.yaml, network.yaml and what they need into it."""
    from ...benchmark.datasets import DATASETS, PICTURE_SUFFIXES, files_in
    from ..sharing.schema import LANGUAGE_SERVER, schema_of

    if not folder.is_dir():
        raise RaybenchError(f"there is no folder {folder}; name one that holds pictures")
    kept = [name for name in ("suite.yaml", "network.yaml") if (folder / name).exists()]
    if kept:
        raise RaybenchError(f"{folder / kept[0]} exists; remove it, or edit it")
    for images in _subfolders(folder):
        inside = folder / images
        if any(files_in(one, PICTURE_SUFFIXES) for one in (inside, *filter(Path.is_dir, inside.iterdir()))):
            break
    else:
        raise RaybenchError(f"no folder in {folder} holds pictures; put them into {folder / 'images'}")
    truth, classes = _truth(folder, images)
    network = _network(folder, checkpoint, architecture, classes)
    dataset = {
        "name": next(one.name for one in DATASETS if one.beside),
        "label": folder.resolve().name,
        "images": images,
        **truth,
        **({"classes": network.classes} if network.classes else {}),
    }
    schemas = folder / _SCHEMAS
    schemas.mkdir(exist_ok=True)
    (schemas / "suite.json").write_text(json.dumps(schema_of("suite"), indent=1) + "\n")
    (schemas / "card.json").write_text(json.dumps(schema_of("card"), indent=1) + "\n")
    suite = _SUITE.format(
        server=LANGUAGE_SERVER.format(f"{_SCHEMAS}/suite.json"),
        path=folder / "suite.yaml",
        name="".join(c if c.isalnum() and c.isascii() else "-" for c in folder.resolve().name).strip("-")
        or "mine",
        dataset=yaml.safe_dump(dataset, default_flow_style=True, sort_keys=False, width=1000).strip(),
        accuracy="F1-Overall" if _several(folder, truth) else "Top-1",
        checkpoint=network.checkpoint,
    )
    (folder / "suite.yaml").write_text(suite, encoding="utf-8")
    typer.echo(f"wrote {folder / 'suite.yaml'}", err=True)
    if not network.classes and not (folder / "classes.txt").exists():
        given = _class_list(folder)
        order = f"in the order of {given.name}" if given else "put them into the order of the outputs"
        (folder / "classes.txt").write_text("".join(f"{one}\n" for one in classes), encoding="utf-8")
        typer.echo(f"wrote {folder / 'classes.txt'}: {len(classes)} classes; {order}", err=True)
    if network.weights:
        card = _CARD.format(
            server=LANGUAGE_SERVER.format(f"{_SCHEMAS}/card.json"),
            architecture=network.architecture,
            weights=json.dumps(network.weights),
            classes="classes.txt",
            number=len(classes),
        )
        (folder / "network.yaml").write_text(card, encoding="utf-8")
        typer.echo(f"wrote {folder / 'network.yaml'}: {network.said}", err=True)
    suite, out = quote(str(folder / "suite.yaml")), quote(f"runs/{folder.resolve().name}")
    typer.echo(f"next: raybench run {suite} --out {out}", err=True)


class _Network(NamedTuple):
    """What a suite is to measure: a name, or a card that is to be written for weights.

    `classes` is the shipped list that the network answers, if all classes of the folder are in it.
    """

    checkpoint: str
    classes: str = ""
    weights: str = ""
    architecture: str = ""
    said: str = ""


def _network(
    folder: Path, checkpoint: str | None, architecture: str | None, classes: Sequence[str]
) -> _Network:
    """Tell a name from a weight file, and look into the one or the other."""
    beside = [path for path in sorted(folder.iterdir()) if path.suffix in _WEIGHTS]
    if checkpoint is None and len(beside) > 1 and architecture is None:
        names = ", ".join(path.name for path in beside)
        raise RaybenchError(f"{folder} holds several weight files: {names}; name one by --checkpoint")
    if checkpoint is not None and Path(checkpoint).suffix not in _WEIGHTS:
        if architecture is not None:
            raise RaybenchError("--architecture is for weights; --checkpoint names a whole network")
        return _named(folder, checkpoint, classes)
    path = Path(checkpoint) if checkpoint else beside[0] if len(beside) == 1 else folder / "weights.pth"
    path = next((one for one in (path, folder / path) if one.is_file()), path)
    if checkpoint and not path.is_file():
        raise RaybenchError(f"--checkpoint {checkpoint}: there is no such file")
    written = os.path.relpath(path.resolve(), folder.resolve())
    if architecture:
        return _Network("network.yaml", "", written, architecture, f"{architecture} with {written}")
    if not path.is_file():
        said = f"put your weights there as {written}, and name their architecture"
        return _Network("network.yaml", "", written, "resnet18", said)
    return _recognised(folder, path, written, classes)


def _named(folder: Path, checkpoint: str, classes: Sequence[str]) -> _Network:
    """Look a name or card up; a network of a shipped list answers a folder whose classes are in it."""
    from ...checkpoints import find_card, load_classes, resolved

    card = resolved(find_card(checkpoint))
    answers = load_classes(card.classes)
    if Path(checkpoint).is_file():
        checkpoint = os.path.relpath(Path(checkpoint).resolve(), folder.resolve())
    if Path(card.classes).is_file() or tuple(classes) == answers.ids:
        return _Network(checkpoint)
    for name in classes:
        try:
            answers.find(name)
        except RaybenchError:
            raise RaybenchError(
                f"{checkpoint} answers the {len(answers)} classes of {answers.name}, but {name!r} in "
                f"{folder} is none of them; give weights that answer your classes by --checkpoint FILE.pth"
            ) from None
    return _Network(checkpoint, card.classes)


def _recognised(folder: Path, path: Path, written: str, classes: Sequence[str]) -> _Network:
    """Tell the architecture of weights by their tensors."""
    from ...checkpoints import architecture_of

    found = architecture_of(path)
    if found is None:
        raise RaybenchError(
            f"{path} is of no torchvision network; name its architecture: --architecture timm:NAME or "
            "FILE.py:FUNCTION"
        )
    name, outputs = found
    if outputs != len(classes):
        raise RaybenchError(
            f"{path} answers {outputs} classes, but {folder} names {len(classes)}; write classes.txt there, "
            "a line for each output, in order"
        )
    return _Network("network.yaml", "", written, name, f"{name}, told by its tensors, with {written}")


def _subfolders(folder: Path) -> list[str]:
    names = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    return sorted(names, key=lambda name: (name != "images", name == "masks", name))


def _truth(folder: Path, images: str) -> tuple[dict[str, str], list[str]]:
    """Find what says where the objects are, and the names of the classes."""
    listed = folder / "classes.txt"
    given = _class_list(folder)
    known = given.read_text(encoding="utf-8").split("\n") if given else []
    known = [line for line in known if line.strip()]
    for path in sorted(folder.glob("*.csv")):
        rows = _rows(path)
        if rows and {"image", "class"} <= rows[0].keys():
            return {"boxes": path.name}, known or sorted({row["class"].strip() for row in rows})
    for path in sorted(folder.glob("*.json")):
        content = _json(path)
        if "annotations" in content and "categories" in content:
            categories = sorted(content["categories"], key=lambda one: one["id"])
            return {"boxes": path.name}, known or [one["name"] for one in categories]
    for name in (images, *_subfolders(folder)):
        if objects := _objects(folder / name):
            return {"boxes": name}, known or sorted(set().union(*objects))
    for name, option in (("labels", "boxes"), ("masks", "masks")):
        if (folder / name).is_dir():
            classes = known or list(_subfolders(folder / name))
            if not classes:
                raise RaybenchError(f"nothing names the classes; write {listed}, a line for each, in order")
            return {option: name}, classes
    raise RaybenchError(
        f"{folder} does not say where objects are: put boxes.csv there, with the header "
        f"image,class,x0,y0,x1,y1 and a line for each box of a picture in {images}/ (or LabelImg's .xml, "
        "COCO's .json, YOLO's labels/, or masks/)"
    )


def _class_list(folder: Path) -> Path | None:
    """Find the file that names the classes in the order of the outputs."""
    names = ("classes.txt", "names.txt", "labels.txt", "obj.names")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table, by the names in its header, in lower case."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = [name.strip().lower() for name in next(csv.reader(file), [])]
        return list(csv.DictReader(file, fieldnames=names))


def _objects(folder: Path) -> list[set[str]]:
    """Names in the files that LabelImg writes, of Pascal VOC's form, in a folder: a set for each picture."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    found = []
    for path in sorted(folder.rglob("*.xml")):
        with contextlib.suppress(ParseError, DefusedXmlException, ValueError):  # a run names the file
            names = (one.findtext("name") or "" for one in parse(path).iter("object"))
            found.append({name.strip() for name in names})
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _several(folder: Path, truth: dict[str, str]) -> bool:
    """Whether any picture holds several classes, as far as a table says it; COCO's files always may."""
    name = truth.get("boxes", "")
    if name and (folder / name).is_dir():
        return any(len(names) > 1 for names in _objects(folder / name))
    if not name.endswith(".csv"):
        return name.endswith(".json")
    pairs = {(row["image"], row["class"]) for row in _rows(folder / name)}
    return len(pairs) > len({image for image, _ in pairs})
