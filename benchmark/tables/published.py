"""The numbers that papers report, to stand beside what is measured."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ...base import RaybenchError, UnknownNameError

__all__ = [
    "SOURCES",
    "PublishedValue",
    "Source",
    "find_published",
    "load_published",
    "normal_training",
    "published_dataset",
    "training_name",
]

REPEATED = "repeats the ImageNet rows"
"""Mark of values that are printed in a source but are an evident copy of other rows."""


@dataclass(frozen=True)
class Source:
    """Where published numbers are from.

    Attributes:
        name: file name under results/published, without extension.
        title: for headings.
        protocol: name of the protocol that the numbers were made by.
        repeated: datasets whose rows are an evident copy of the source's other rows.
    """

    name: str
    title: str
    protocol: str
    repeated: frozenset[str] = frozenset()


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        source.name: source
        for source in (
            Source(
                "aaai21-readme",
                "Explainable Models with Consistent Interpretations (AAAI 2021), README of its code",
                "aaai21",
                repeated=frozenset({"coco_val2014"}),
            ),
            Source("torchray-docs", "TorchRay's documentation of the pointing game", "iccv19"),
        )
    }
)


_PUBLISHED_NAMES = {
    ("imagenet", ""): "imagenet_val",
    ("imagenet", "val"): "imagenet_val",
    ("imagenet_boxes", ""): "imagenet_val",
    ("coco", ""): "coco_val2014",
    ("coco", "val2014"): "coco_val2014",
    ("voc", "test"): "voc2007_test",  # the one year whose test annotations are public
}
"""Names in published files, by dataset and split (empty for the dataset's default)."""


@dataclass(frozen=True)
class PublishedValue:
    """One published number.

    Attributes:
        dataset: name and split, such as `imagenet_val`, `coco_val2014`, `voc2007_test`.
        training: `baseline`, `gc`, `gmp`, `gmp_gc`; `none` for methods that need no network.
        value: in percent.
        note: what a reader must know about it; may be empty.
    """

    source: str
    dataset: str
    architecture: str
    training: str
    attribution: str
    metric: str
    value: float
    note: str = ""

    @property
    def repeated(self) -> bool:
        """True if the value is an evident copy of another row, hence no reference."""
        return self.dataset in SOURCES[self.source].repeated

    @property
    def mark(self) -> str:
        """What to print beside the value: that it is a copy, or its note."""
        return REPEATED if self.repeated else self.note


@functools.cache
def load_published(source: str) -> tuple[PublishedValue, ...]:
    """Return all values of one source, in the order of its file.

    Raises:
        UnknownNameError: no such source; names the nearest.
        RaybenchError: the file is damaged; names the line.
    """
    if source not in SOURCES:
        raise UnknownNameError("published source", source, SOURCES)
    path = files("raybench.results.published") / f"{source}.csv"
    reader = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    values = []
    for row in reader:
        try:
            value = float(row.pop("value"))
            values.append(PublishedValue(**row, value=value))
        except (KeyError, TypeError, ValueError) as error:
            raise RaybenchError(f"{path}, line {reader.line_num}: not a published value: {error}") from None
    return tuple(values)


def published_dataset(dataset: Mapping[str, Any]) -> str | None:
    """Return the name under which published files hold a measured dataset; None if they do not hold it.

    Args:
        dataset: the `dataset` entry of `run.json`: a name and `options`, of which `split` matters.
    """
    options = dataset.get("options") or {}
    return _PUBLISHED_NAMES.get((str(dataset.get("name")), str(options.get("split", ""))))


def normal_training(training: str | None) -> str:
    """Return the name of a training recipe as published files write it: `GMP+GC` becomes `gmp_gc`."""
    return (training or "").lower().replace("+", "_").replace("-", "_").replace(" ", "")


def find_published(
    *,
    dataset: str | None,
    architecture: str | None,
    training: str | None,
    attribution: str,
    metric: str,
    protocol: str | None = None,
) -> PublishedValue | None:
    """Return the published value of a measured row, if there is one.

    Args:
        dataset: as `published_dataset` gives it; None matches nothing.
        architecture: of the checkpoint, or None for a method that needs no network; published values that
            are the same for all architectures then match.
        training: recipe of the checkpoint, or None for a method that needs no network.
        attribution: name of the method; `torchray.` before it is passed over. Empty for accuracy and F1,
            which do not depend on a method.
        metric: name of the metric.
        protocol: name of the protocol measured by; only sources that follow it match. None for any.
    """
    method = attribution.removeprefix("torchray.")
    recipe = normal_training(training) or "none"
    found = [
        value
        for source in SOURCES.values()
        if protocol in (None, source.protocol)
        for value in load_published(source.name)
        if value.metric == metric
        and value.dataset == dataset
        and value.training == recipe
        and (recipe == "none" or value.architecture == architecture)
        and (not method or value.attribution == method)
    ]
    return found[0] if found and len({value.value for value in found}) == 1 else None


_TRAINING = {"baseline": "baseline", "gc": "GC", "gmp": "GMP", "gmp_gc": "GMP + GC"}


def training_name(training: str) -> str:
    """Return the name of a training recipe as people write it: `gmp_gc` becomes `GMP + GC`."""
    return _TRAINING.get(normal_training(training), training)
