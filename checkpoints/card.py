"""Checkpoint cards: YAML files that say what a checkpoint is and where its weights are."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ..base import Document, checked_label, names_code, read_document
from .input import Input, Sides, Statistics, as_tuple, checked_mean, checked_std

_OTHER_ADDRESS = re.compile(
    r"gdrive:[\w-]{10,}|torchvision:\w+\.\w+|timm:\w+\.\w+|hf:[\w.-]+/[\w.-]+(@[\w.-]+)?"
)


_IS_ADDRESS = re.compile(r"(https?|gdrive|torchvision|timm|hf):").match


def _one_or_many(value: Any) -> Any:
    if value == "random":
        value = {"random": 0}
    elif isinstance(value, str):
        value = {"url" if _IS_ADDRESS(value) else "path": value}
    if isinstance(value, (dict, WeightSource)):
        return (value,)
    return as_tuple(value)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def is_secure(url: str) -> bool:
    """Say whether an address is https, or plain http to this very machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http":
        return parts.scheme == "https" and bool(host)
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_url(url: str) -> str:
    if _OTHER_ADDRESS.fullmatch(url) or is_secure(url):
        return url
    raise ValueError(
        "expected https://…, gdrive:FILE_ID, timm:NAME.TAG, hf:OWNER/NAME or torchvision:ENUM.MEMBER, "
        "such as torchvision:ResNet18_Weights.IMAGENET1K_V1"
    )


class WeightSource(Document):
    """One weight file: either a `url` or a `path`; or none, by `random`.

    Attributes:
        url: `https://…`, `gdrive:FILE_ID`, a member of torchvision's weight enums, such as
            `torchvision:ResNet18_Weights.IMAGENET1K_V1`, or `timm:NAME.TAG` or `hf:OWNER/NAME@REVISION`,
            which the library's own cache holds.
        path: a file, relative to the card, or the index of several (.safetensors.index.json); or
            `data:NAME/FILE`, a file in the data folder NAME.
        random: seed of weights that nobody has trained, drawn as the library draws them.
        sha256: SHA-256 of the file in hex, or its first digits (at least 8). A download without a whole one
            is pinned on first use.
        state_dict: key under which the tensors sit, where the file holds more than them.
        strip_prefix: taken off the front of the tensors' names.
        ignore: beginnings of the names of tensors that are no part of the network, such as `criterion.`.
    """

    url: Annotated[str, AfterValidator(_checked_url)] | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    random: Annotated[int, Field(ge=0)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$"), BeforeValidator(_lower)] | None = None
    state_dict: str | None = None
    strip_prefix: str | None = None
    ignore: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(as_tuple)] = ()

    @model_validator(mode="after")
    def _has_one_place(self) -> WeightSource:
        if [self.url, self.path, self.random].count(None) != 2:
            raise ValueError("weights need either a url or a path")
        return self

    def anchored(self, folder: Path) -> WeightSource:
        """Return the source with its path, if relative, resolved against `folder`."""
        if self.path is None or self.path.startswith("data:"):
            return self
        return self.model_copy(update={"path": str((folder / Path(self.path).expanduser()).resolve())})


Option = bool | int | float | str | None


class Card(Document):
    """What a checkpoint is, where it comes from, and what methods and metrics need to know about it.

    Attributes:
        name: unique; also the name of its result folder.
        label: what tables, plots and boards call it; by default its name.
        architecture: a torchvision classifier (`resnet18`), `timm:NAME`, `hf:OWNER/NAME@REVISION` or
            `hf:FOLDER` of transformers, or `package.module:function` or `FILE.py:function`, a function that
            is called with `num_classes` if it takes that, and returns a module; see `architectures`.
        architecture_options: keywords for whatever builds the network, such as `{img_size: [224, 288]}`.
        pooling: `max` replaces the last global average pooling by global max pooling.
        classes: name of a class list that ships with raybench, or a .txt file relative to the card; `auto`
            for the one that the network's library names.
        multilabel: whether an image may show several classes, so that the probability of each is the sigmoid
            of its own score.
        scores: `probabilities` of a network that ends in a softmax, or a sigmoid if `multilabel`; their
            logarithms or log-odds are read as its class scores.
        weights: weight files, merged in order: later files override tensors of earlier ones. Empty only for
            networks that came from memory, or trained from a function in a file. `random` for untrained ones.
        target_layer: dotted name of the last convolutional stage, where Grad-CAM reads, or `auto`; methods
            that read a layer need it, others do not.
        layout: how the target layer's output lies in memory; `auto` to find it by trying.
        excitation_layer: dotted name of the layer at whose output excitation backprop reads.
        contrast_layer: dotted name of the layer at whose output contrastive excitation backprop contrasts.
        mean: per channel of the input, in the order of `channels` and in units of `input_range`. Without both
            mean and std, what torchvision says of its own weights and timm of its networks, else ImageNet's.
        std: as `mean`; above 0.
        channels: the order in which the network takes colours; `bgr` for those from Caffe.
        input_range: what white is before mean and std: 1, or 255 for networks from Caffe.
        transform_input: whether GoogLeNet or Inception v3 of torchvision changes the input's mean and std; to
            be said of weights that are not torchvision's own.
        input_size: height and width of the only pictures that the network takes; not needed for networks that
            take any, nor for vision transformers of torchvision and timm, which say it themselves.
        input: what it wants of its pictures; `mean`, `std`, `input_range` and `input_size` are short forms.
        training: `baseline`, `gc`, `gmp`, `gmp_gc`, `none`, or a word of your own.
        source: who made the checkpoint, and where it was published.
        licence: terms of the weights.
        reported: values its makers quote, by name of the metric, in percent.
        notes: anything a reader of its numbers should know.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)]
    label: Annotated[str, AfterValidator(checked_label)] | None = None
    architecture: Annotated[str, Field(min_length=1)]
    architecture_options: dict[str, Option | list[Option]] = Field(default_factory=dict)
    pooling: Literal["avg", "max"] = "avg"
    classes: Annotated[str, Field(min_length=1)]
    multilabel: bool = False
    scores: Literal["logits", "probabilities"] = "logits"
    weights: Annotated[tuple[WeightSource, ...], BeforeValidator(_one_or_many)] = ()
    target_layer: str | None = None
    layout: Literal["auto", "channels_first", "channels_last", "tokens"] = "auto"
    excitation_layer: str | None = None
    contrast_layer: str | None = None
    channels: Literal["rgb", "bgr"] = "rgb"
    input_range: Literal[1, 255] = 1  # ahead of what is checked by it
    mean: Annotated[Statistics, AfterValidator(checked_mean)] = (0.485, 0.456, 0.406)
    std: Annotated[Statistics, AfterValidator(checked_std)] = (0.229, 0.224, 0.225)
    transform_input: bool | None = None
    input_size: Sides | None = None
    input: Input = Input()
    training: str = "none"
    source: str = ""
    licence: str | None = None
    reported: dict[str, float] = Field(default_factory=dict)
    notes: str | None = None

    @model_validator(mode="after")
    def _has_statistics_of_its_range(self) -> Card:
        if self.input_range == 255 and not {"mean", "std"} <= self.model_fields_set:
            raise ValueError("with input_range: 255 both mean and std have to be given, in the same range")
        return self

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> Card:
        short = {"mean": self.mean, "std": self.std, "size": self.input_size, "range": (0, self.input_range)}
        for key, value in short.items():
            field = {"size": "input_size", "range": "input_range"}.get(key, key)
            both = key in self.input.model_fields_set and field in self.model_fields_set
            if both and value is not None and getattr(self.input, key) != value:
                raise ValueError(f"{field} and input.{key} say different things; leave one of them out")
        return self

    @model_validator(mode="after")
    def _says_that_it_is_untrained(self) -> Card:
        drawn = [source for source in self.weights if source.random is not None]
        if drawn and len(self.weights) > 1:
            raise ValueError("random weights stand alone: leave out the others")
        if drawn and "random" not in self.name:
            raise ValueError(
                f"its weights are random, which every table is to show: call it {self.name}-random"
            )
        return self

    def anchored(self, folder: Path) -> Card:
        """Return the card with its relative paths resolved against `folder`."""
        classes = self.classes
        if classes.endswith(".txt"):
            classes = str((folder / Path(classes).expanduser()).resolve())
        weights = tuple(source.anchored(folder) for source in self.weights)
        architecture = self.architecture
        if names_code(architecture):
            architecture = str((folder / Path(architecture).expanduser()).resolve())
        elif architecture.startswith(("hf:.", "hf:~", "hf:/")):
            architecture = f"hf:{(folder / Path(architecture[3:]).expanduser()).resolve()}"
        return self.model_copy(update={"architecture": architecture, "classes": classes, "weights": weights})


def read_card(path: Path) -> Card:
    """Read a card from a YAML file; its relative paths are resolved against the file's folder.

    Raises:
        RaybenchError: the file cannot be read or is no valid card; names the line and the key.
    """
    return read_document(path, Card).anchored(path.resolve().parent)
