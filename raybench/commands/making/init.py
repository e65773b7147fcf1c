"""`raybench init`: a suite and a card for a folder of pictures, written after a look at it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
import yaml

from ...base import RaybenchError, few

if TYPE_CHECKING:
    from ...benchmark.datasets import FoundFolder
    from ...checkpoints import ClassList

EXAMPLE = "Example: raybench init mine && raybench run mine/suite.yaml --out runs/mine"

_SCHEMAS = ".raybench"
_WEIGHTS = (".pth", ".pt", ".safetensors", ".bin", ".ckpt")

_PROTOCOL = "aaai21-clamped"
_MOST_TRIED, _MOST_SAID = 500, 5
"""Pictures that are read, and of which is said what is wrong with them."""

_SUITE = """\
{server}# What is measured by: raybench run {path}
name: {name}
protocol: {protocol}  # the rules: raybench list protocols
dataset: {dataset}
checkpoints: [{checkpoint}]  # cards beside this file, or names such as torchvision:resnet50
attributions:  # raybench list attributions
  - grad_cam
  - gradient
  - {{name: integrated_gradients, steps: 16}}  # quick; 50 steps are usual
  - center  # the middle of every picture, a single point: what PG has to beat
metrics: [{accuracy}, PG, SPG, CH]  # pointing game, stochastic pointing game, content heatmap{threshold}
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
    from ...benchmark.datasets import DATASETS, look_at
    from ..sharing.schema import LANGUAGE_SERVER, schema_of

    kept = [name for name in ("suite.yaml", "network.yaml") if (folder / name).exists()]
    if kept:
        raise RaybenchError(f"{folder / kept[0]} exists; remove it, or edit it")
    found = look_at(folder)
    network = _network(folder, checkpoint, architecture, found)
    beside = found.listed.path.name if found.listed and found.listed.stands_in(folder) else ""
    dataset = {
        "name": next(one.name for one in DATASETS if one.beside),
        "label": folder.resolve().name,
        "images": found.images,
        **found.truth,
        **({"classes": network.classes} if network.classes else {}),
        **({"names": beside or "classes.txt"} if network.classes and found.listed else {}),
    }
    own_list = folder / "classes.txt"
    needs_list = bool(found.listed) and not beside if network.classes else True
    makes_list = needs_list and not own_list.exists()
    if makes_list:
        lines = "".join(f"{one}\n" for one in found.classes)
        own_list.write_text(found.listed.text if found.listed else lines, encoding="utf-8")
    try:
        several, remarks = _read_through(folder, dataset)
    except RaybenchError:
        if makes_list:
            own_list.unlink()
        raise
    for remark in remarks:
        typer.echo(remark, err=True)
    if found.left_out:
        option = next(iter(found.truth))
        typer.echo(
            f"pictures in {few(found.left_out, _MOST_SAID)} are left out; to measure others write their "
            f"folder as images, and their {option}, in {folder / 'suite.yaml'}",
            err=True,
        )
    schemas = folder / _SCHEMAS
    schemas.mkdir(exist_ok=True)
    (schemas / "suite.json").write_text(json.dumps(schema_of("suite"), indent=1) + "\n")
    (schemas / "card.json").write_text(json.dumps(schema_of("card"), indent=1) + "\n")
    suite = _SUITE.format(
        server=LANGUAGE_SERVER.format(f"{_SCHEMAS}/suite.json"),
        path=quote(str(folder / "suite.yaml")),
        protocol=_PROTOCOL,
        name="".join(c if c.isalnum() and c.isascii() else "-" for c in folder.resolve().name).strip("-")
        or "mine",
        dataset=yaml.safe_dump(
            dataset, default_flow_style=True, sort_keys=False, width=1000, allow_unicode=True
        ).strip(),
        accuracy="F1-Overall" if several else "Top-1",
        threshold="; F1 counts classes whose logit is above 0" if several else "",
        checkpoint=network.checkpoint,
    )
    (folder / "suite.yaml").write_text(suite, encoding="utf-8")
    typer.echo(f"wrote {folder / 'suite.yaml'}", err=True)
    if makes_list:
        order = "put them into the order of the outputs"
        order = f"in the order of {found.listed.path.relative_to(folder)}" if found.listed else order
        typer.echo(f"wrote {own_list}: {len(found.classes)} classes; {order}", err=True)
    if network.weights:
        card = _CARD.format(
            server=LANGUAGE_SERVER.format(f"{_SCHEMAS}/card.json"),
            architecture=network.architecture,
            weights=json.dumps(network.weights),
            classes=network.classes or "classes.txt",
            number=network.outputs or len(found.classes),
        )
        (folder / "network.yaml").write_text(card, encoding="utf-8")
        typer.echo(f"wrote {folder / 'network.yaml'}: {network.said}", err=True)
    suite, out = quote(str(folder / "suite.yaml")), quote(f"runs/{folder.resolve().name}")
    typer.echo(f"next: raybench run {suite} --out {out}", err=True)


def _read_through(folder: Path, dataset: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Read objects and pictures as a run will, of very many pictures the first.

    Returns:
        Whether pictures may show several classes, and what is to be known.

    Raises:
        RaybenchError: a run would refuse the folder.
    """
    from ...benchmark.datasets import open_dataset
    from ...benchmark.suite import PROTOCOLS

    options = {key: value for key, value in dataset.items() if key not in ("name", "label")}
    opened = open_dataset(dataset["name"], {}, PROTOCOLS[_PROTOCOL], options, folder=folder)
    count, tried = len(opened), min(len(opened), _MOST_TRIED)
    remarks: dict[str, list[str]] = {}
    queries, skipped = 0, []
    for index in range(tried):
        try:
            sample = opened[index]
        except RaybenchError as error:
            skipped.append(f"a run will skip a picture: {error}")
            continue
        queries += len(sample.queries)
        for note in dict.fromkeys(sample.notes):
            remarks.setdefault(note, []).append(sample.image_id)
    those = f"the first {tried:,} of {count:,}" if tried < count else f"{count:,}"
    found = f"{folder / dataset['images']}: {those} pictures, {queries:,} queries (boxes of a class are one)"
    noted = [f"{note}: {few(found_in, _MOST_SAID)}" for note, found_in in remarks.items()]
    more = [f"and {len(skipped) - _MOST_SAID:,} more"] if len(skipped) > _MOST_SAID else []
    return opened.multilabel, [found, *noted, *skipped[:_MOST_SAID], *more]


class _Network(NamedTuple):
    """What a suite is to measure: a name, or a card that is to be written for weights.

    `classes` is the shipped list that the network answers, if all classes of the folder are in it.
    """

    checkpoint: str
    classes: str = ""
    weights: str = ""
    architecture: str = ""
    said: str = ""
    outputs: int = 0


def _network(folder: Path, checkpoint: str | None, architecture: str | None, found: FoundFolder) -> _Network:
    """Tell a name from a weight file, and look into the one or the other."""
    beside = [path for path in sorted(folder.iterdir()) if path.suffix in _WEIGHTS]
    if checkpoint is None and len(beside) > 1 and architecture is None:
        names = ", ".join(path.name for path in beside)
        raise RaybenchError(f"{folder} holds several weight files: {names}; name one by --checkpoint")
    if checkpoint is not None and Path(checkpoint).suffix not in _WEIGHTS:
        if architecture is not None:
            raise RaybenchError("--architecture is for weights; --checkpoint names a whole network")
        return _named(folder, checkpoint, found.classes)
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
    return _recognised(folder, path, written, found)


def _named(folder: Path, checkpoint: str, classes: Sequence[str]) -> _Network:
    """Look a name or card up; a network of a shipped list answers a folder whose classes are in it."""
    from ...checkpoints import find_card, load_classes, resolved

    card = resolved(find_card(checkpoint))
    answers = load_classes(card.classes)
    if Path(checkpoint).is_file():
        checkpoint = os.path.relpath(Path(checkpoint).resolve(), folder.resolve())
    if Path(card.classes).is_file() or tuple(classes) == answers.ids:
        return _Network(checkpoint)
    unknown = _unknown(classes, answers)
    if unknown:
        raise RaybenchError(
            f"{checkpoint} answers the {len(answers)} classes of {answers.name}, but {unknown[0]!r} in "
            f"{folder} is none of them; give weights that answer your classes by --checkpoint FILE.pth"
        )
    return _Network(checkpoint, card.classes)


def _unknown(names: Sequence[str], answers: ClassList) -> list[str]:
    """Return the names that are no class of a list."""

    def is_known(name: str) -> bool:
        with suppress(RaybenchError):
            return answers.find(name) >= 0
        return False

    return [name for name in names if not is_known(name)]


def _recognised(folder: Path, path: Path, written: str, found: FoundFolder) -> _Network:
    """Tell the architecture of weights by their tensors, and a shipped list of classes by their number."""
    from ...checkpoints import architecture_of, load_classes, shipped_class_lists

    told = architecture_of(path)
    if told is None:
        raise RaybenchError(
            f"{path} is of no torchvision network; name its architecture: --architecture timm:NAME or "
            "FILE.py:FUNCTION"
        )
    name, outputs = told
    said = f"{name}, recognised by its tensors, with {written}"
    if found.listed and outputs == len(found.classes):
        return _Network("network.yaml", "", written, name, said)
    for shipped in map(load_classes, shipped_class_lists()):
        if len(shipped) == outputs and not _unknown(found.classes, shipped):
            said += f", whose {outputs:,} outputs are taken for those of {shipped.name}"
            return _Network("network.yaml", shipped.name, written, name, said, outputs)
    if outputs != len(found.classes):
        raise RaybenchError(
            f"{path} answers {outputs} classes, but {folder} names {len(found.classes)}; write classes.txt "
            "there, a line for each output, in order"
        )
    return _Network("network.yaml", "", written, name, said)
