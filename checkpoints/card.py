"""Checkpoint cards: YAML files that say what a checkpoint is and where its weights are."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from ..base import Document, names_code, read_document

__all__ = ["Card", "WeightSource", "read_card"]


_BY_255 = (
    "pixels are scaled to 0 to 1 before mean and std are applied: divide values for pixels of 0 to 255 by "
    "255, or say input_range: 255 if the network was trained on such pixels"
)


Statistics = tuple[float, float, float]


def _one_or_many(value: Any) -> Any:
    if isinstance(value, (dict, WeightSource)):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


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
    if re.fullmatch(r"gdrive:[\w-]{10,}|torchvision:\w+\.\w+", url) or is_secure(url):
        return url
    raise ValueError(
        "expected https://…, gdrive:FILE_ID or torchvision:ENUM.MEMBER, "
        "such as torchvision:ResNet18_Weights.IMAGENET1K_V1"
    )


def _checked_mean(mean: Statistics, info: ValidationInfo) -> Statistics:
    range_, largest = info.data.get("input_range", 1), max(map(abs, mean))
    if not largest <= range_:
        raise ValueError(_BY_255 if range_ == 1 else "expected values of up to 255")
    if range_ == 255 and 0 < largest <= 1:
        raise ValueError("with input_range: 255 multiply mean and std by 255, or leave input_range out")
    return mean


def _checked_std(std: Statistics, info: ValidationInfo) -> Statistics:
    range_ = info.data.get("input_range", 1)
    if not min(std) > 0:
        raise ValueError("every standard deviation must be above 0")
    if not max(std) <= range_:
        raise ValueError(_BY_255 if range_ == 1 else "expected values of up to 255")
    return std


class WeightSource(Document):
    """One weight file: either a `url` or a `path`.

    Attributes:
        url: `https://…`, `gdrive:FILE_ID`, or a member of torchvision's weight enums, such as
            `torchvision:ResNet18_Weights.IMAGENET1K_V1`.
        path: a file, relative to the card; or `data:NAME/FILE`, a file in the data folder NAME.
        sha256: SHA-256 of the file in hex, or its first digits (at least 8). A download without a whole one
            is pinned on first use.
        state_dict: key under which the tensors sit, where the file holds more than them.
        strip_prefix: taken off the front of the tensors' names.
    """

    url: Annotated[str, AfterValidator(_checked_url)] | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$"), BeforeValidator(_lower)] | None = None
    state_dict: str | None = None
    strip_prefix: str | None = None

    @model_validator(mode="after")
    def _has_one_place(self) -> WeightSource:
        if (self.url is None) == (self.path is None):
            raise ValueError("weights need either a url or a path")
        return self

    def anchored(self, folder: Path) -> WeightSource:
        """Return the source with its path, if relative, resolved against `folder`."""
        if self.path is None or self.path.startswith("data:"):
            return self
        return self.model_copy(update={"path": str((folder / Path(self.path).expanduser()).resolve())})


class Card(Document):
    """What a checkpoint is, where it comes from, and what methods and metrics need to know about it.

    Attributes:
        name: unique; also the name of its result folder.
        architecture: a torchvision classifier (`resnet18`), `timm:NAME`, or `package.module:function` or
            `FILE.py:function`, a function that is called with `num_classes` if it takes that, and returns a
            module; see `architectures`.
        pooling: `max` replaces the last global average pooling by global max pooling.
        classes: name of a class list that ships with raybench, or a .txt file relative to the card.
        multilabel: whether an image may show several classes, so that the probability of each is the sigmoid
            of its own score.
        weights: weight files, merged in order: later files override tensors of earlier ones. Empty only for
            networks that came from memory, or trained from a function in a file.
        target_layer: dotted name of the last convolutional stage, where Grad-CAM reads; methods that read a
            layer need it, others do not.
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
        training: `baseline`, `gc`, `gmp`, `gmp_gc`, `none`, or a word of your own.
        source: who made the checkpoint, and where it was published.
        licence: terms of the weights.
        reported: values its makers quote, by name of the metric, in percent.
        notes: anything a reader of its numbers should know.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)]
    architecture: Annotated[str, Field(min_length=1)]
    pooling: Literal["avg", "max"] = "avg"
    classes: Annotated[str, Field(min_length=1)]
    multilabel: bool = False
    weights: Annotated[tuple[WeightSource, ...], BeforeValidator(_one_or_many)] = ()
    target_layer: str | None = None
    excitation_layer: str | None = None
    contrast_layer: str | None = None
    channels: Literal["rgb", "bgr"] = "rgb"
    input_range: Literal[1, 255] = 1  # ahead of what is checked by it
    mean: Annotated[Statistics, AfterValidator(_checked_mean)] = (0.485, 0.456, 0.406)
    std: Annotated[Statistics, AfterValidator(_checked_std)] = (0.229, 0.224, 0.225)
    transform_input: bool | None = None
    input_size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
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

    def anchored(self, folder: Path) -> Card:
        """Return the card with its relative paths resolved against `folder`."""
        classes = self.classes
        if classes.endswith(".txt"):
            classes = str((folder / Path(classes).expanduser()).resolve())
        weights = tuple(source.anchored(folder) for source in self.weights)
        architecture = self.architecture
        if names_code(architecture):
            architecture = str((folder / Path(architecture).expanduser()).resolve())
        return self.model_copy(update={"architecture": architecture, "classes": classes, "weights": weights})


def read_card(path: Path) -> Card:
    """Read a card from a YAML file; its relative paths are resolved against the file's folder.

    Raises:
        RaybenchError: the file cannot be read or is no valid card; names the line and the key.
    """
    return read_document(path, Card).anchored(path.resolve().parent)
