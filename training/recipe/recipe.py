"""Recipes: YAML files that say how a checkpoint is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Discriminator, Field, Tag, model_validator

from ...base import (
    Document,
    RaybenchError,
    UnknownNameError,
    document_from,
    parse_yaml,
    read_document,
)

_Share = Annotated[float, Field(ge=0, le=1)]
_Positive = Annotated[int, Field(ge=1)]
_Weight = Annotated[float, Field(ge=0)]


class ShapesScenes(Document):
    """Generated scenes to train or validate on.

    Attributes:
        images: how many.
        seed: the series; 0 is refused, since the demo is measured on it.
        context: how often things around the label go with it; see `draw_scene`.
    """

    images: _Positive
    seed: Annotated[int, Field(ge=1)]
    context: _Share = 0.0


class PictureFolder(Document):
    """Pictures on disk, in a folder that `--data NAME=PATH` or `$RAYBENCH_DATA` says.

    Attributes:
        dataset: a registered dataset in ImageNet's or COCO's format: `imagenet`, `coco`, `shapes`,
            `shapes_coco`.
        split: such as `train` or `val2014`; by default the dataset's own.
        list: a text file with the ids of the pictures to use, in place of all.
    """

    dataset: Annotated[str, Field(min_length=1)]
    split: str | None = None
    list: str | None = None


def _kind_of(value: Any) -> str:
    is_folder = "dataset" in value if isinstance(value, Mapping) else isinstance(value, PictureFolder)
    return "folder" if is_folder else "scenes"


PictureSource = Annotated[
    Annotated[ShapesScenes, Tag("scenes")] | Annotated[PictureFolder, Tag("folder")], Discriminator(_kind_of)
]


class Optimisation(Document):
    """Stochastic gradient descent with momentum.

    Attributes:
        epochs: passes over the training images.
        batch_size: images of one step, over all devices; an incomplete last batch is left out.
        learning_rate: the highest.
        schedule: `one_cycle`: the rate rises for a while, then falls as a cosine; `steps`: it falls to a
            tenth at each milestone.
        warm_up: for `one_cycle`, the share of the steps in which the rate rises.
        milestones: for `steps`, the epochs (counted from 0) at whose beginning the rate falls.
        momentum: of the gradient.
        nesterov: look ahead along the momentum.
        weight_decay: on all parameters.
    """

    epochs: _Positive
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    schedule: Literal["one_cycle", "steps"] = "one_cycle"
    warm_up: Annotated[float, Field(gt=0, lt=1)] = 0.2
    milestones: tuple[_Positive, ...] = ()
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = True
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4

    @model_validator(mode="after")
    def _schedule_is_whole(self) -> Optimisation:
        if self.milestones and self.schedule != "steps":
            raise ValueError("milestones are for schedule: steps")
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError("milestones must rise")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum above 0")
        return self


class Localisation(Document):
    """A small set with boxes or masks, on which each epoch's network is asked where it looks.

    Attributes:
        dataset, split: as in `PictureFolder`.
        images: the first so many are measured.
        attribution: the method whose maps are scored by PG, SPG and CH.
        short_side: of the pictures, in pixels.
    """

    dataset: Annotated[str, Field(min_length=1)]
    split: str | None = None
    images: _Positive = 100
    attribution: str = "grad_cam_elementwise"
    short_side: _Positive = 448


class Recipe(Document):
    """All that decides the weights of a checkpoint, up to the machine's rounding.

    Attributes:
        name: of the checkpoint.
        architecture: as in checkpoint cards.
        classes: name of a class list, as in checkpoint cards.
        pooling: global pooling before the classifier: `avg`, or `max` for GMP.
        target_layer: dotted name of the last convolutional stage; by default that of the shipped cards of
            the architecture.
        initial: a checkpoint to start from, by the name or path of its card; a classifier for other classes
            is replaced by a fresh one. By default all weights are fresh.
        frozen_batch_norm: normalise by the running statistics of `initial` instead of each batch's, and leave
            them as they are: for small batches, and for weights whose statistics were folded away.
        classification_weight: the factor of the classification loss, which is the cross-entropy where a
            picture has one class, and the binary cross-entropy, averaged over classes, where it has several.
        consistency_weight: the factor of the consistency loss; 0 for training without it.
        consistency_start: share of the epochs that pass before the consistency loss sets in. Training starts
            faster without it, when the maps of a fresh network say nothing.
        negatives: where the other three pictures of a grid come from: `batch`, the rest of the batch, on the
            device; `loader`, the whole dataset, so that four pictures are decoded per sample, as published.
        resize_maps: bring the normalised maps to the input's size before they are compared, as published for
            AlexNet.
        train: pictures to learn from.
        validation: pictures to watch the accuracy or F1 on.
        localisation: pictures to watch PG, SPG and CH on.
        suite: name or path of the suite that the checkpoint is measured by when training is done.
        parent: name or path of a card, measured by the suite too; by default `initial`.
        short_side: pixels of the shorter side of validation pictures, and of generated scenes before
            cropping.
        crop: side of the square crops that the network sees, in pixels.
        smallest_crop: smallest share of the picture that a crop shows in training.
        optimisation: see `Optimisation`.
        precision: `bf16` and `fp16` run the network in 16 bits; the losses and Grad-CAM stay in float32.
        compile: let torch.compile make the network faster; the first steps then take minutes.
        log_every: steps between two rows of the log; the end of an epoch always has one.
        save_every: steps between two states from which training can be resumed; the end of an epoch always
            has one.
        seed: of the initial weights, the order of the images, the crops and the grids.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    architecture: Annotated[str, Field(min_length=1)]
    classes: str
    pooling: Literal["avg", "max"] = "avg"
    target_layer: str | None = None
    initial: str | None = None
    frozen_batch_norm: bool = False
    classification_weight: Annotated[float, Field(gt=0)] = 1.0
    consistency_weight: _Weight = 0.0
    consistency_start: Annotated[float, Field(ge=0, lt=1)] = 0.0
    negatives: Literal["batch", "loader"] = "batch"
    resize_maps: bool = False
    train: PictureSource
    validation: PictureSource
    localisation: Localisation | None = None
    suite: str | None = None
    parent: str | None = None
    short_side: _Positive = 80
    crop: _Positive = 64
    smallest_crop: Annotated[float, Field(gt=0, le=1)] = 0.5
    optimisation: Optimisation
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    compile: bool = False
    log_every: _Positive = 100
    save_every: _Positive = 1000
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _scenes_are_apart(self) -> Recipe:
        if not (isinstance(self.train, ShapesScenes) and isinstance(self.validation, ShapesScenes)):
            return self
        if self.train.seed == self.validation.seed:
            raise ValueError("train and validation name the same seed; validation must show other scenes")
        if self.train.images < self.optimisation.batch_size:
            raise ValueError("train has fewer images than one batch; lower batch_size")
        return self

    @model_validator(mode="after")
    def _parent_is_measured(self) -> Recipe:
        if self.parent is not None and self.suite is None:
            raise ValueError("parent is measured by a suite; name one by suite: NAME")
        return self

    @model_validator(mode="after")
    def _frozen_statistics_are_known(self) -> Recipe:
        if self.frozen_batch_norm and self.initial is None:
            raise ValueError("frozen_batch_norm needs initial: fresh statistics say nothing")
        return self

    @property
    def kind(self) -> str:
        """What cards call this kind of training: `baseline`, `gc`, `gmp` or `gmp_gc`."""
        parts = ["gmp"] if self.pooling == "max" else []
        return "_".join([*parts, "gc"] if self.consistency_weight else parts) or "baseline"


def shipped_recipes() -> dict[str, Path]:
    """Files of the recipes that ship with raybench, by name."""
    folder = Path(str(files("raybench.suites") / "train"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(name_or_path: str, changes: Iterable[str] = ()) -> Recipe:
    """Read a shipped recipe by its name or one's own by its path, with some keys changed.

    Args:
        name_or_path: such as `imagenet-gc` or `my/recipe.yaml`.
        changes: such as `architecture=resnet50` or `optimisation.epochs=10`.

    Raises:
        UnknownNameError: neither a shipped recipe nor a YAML file.
        RaybenchError: the file or a change is not valid.
    """
    shipped = shipped_recipes()
    if name_or_path not in shipped and Path(name_or_path).suffix not in (".yaml", ".yml"):
        raise UnknownNameError("recipe", name_or_path, shipped)
    path = shipped.get(name_or_path) or Path(name_or_path)
    recipe = read_document(path, Recipe)
    changes = list(changes)
    if not changes:
        return recipe
    content: dict[str, Any] = recipe.model_dump(mode="json", exclude_unset=True)
    for change in changes:
        _change(content, change)
    return document_from(content, Recipe, f"{path} with {', '.join(changes)}")


def _change(content: dict[str, Any], change: str) -> None:
    """Set one key, given as `outer.inner=value`, in place."""
    keys, separator, text = change.partition("=")
    if not (keys and separator):
        raise RaybenchError(f"{change!r} is not of the form KEY=VALUE, such as architecture=resnet50")
    try:
        value, _ = parse_yaml(text)
    except yaml.YAMLError:
        raise RaybenchError(f"{change!r}: the value is not valid YAML") from None
    *outer, last = keys.split(".")
    for key in outer:
        inner = content.setdefault(key, {})
        if not isinstance(inner, dict):
            raise RaybenchError(f"{change!r}: {key!r} has no keys of its own")
        content = inner
    content[last] = value
