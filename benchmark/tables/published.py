"""The numbers that papers report, to stand beside what is measured."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from types import MappingProxyType

from pydantic import Field

from ...base import Document, RaybenchError, UnknownNameError, parse_document
from ..results import Column, column_for

__all__ = [
    "REPEATED",
    "SOURCES",
    "PublishedValue",
    "Source",
    "find_published",
    "load_published",
    "normal_training",
    "published_column",
    "published_dataset",
    "published_title",
    "training_name",
]

REPEATED = "repeats the ImageNet rows"
"""Mark of values that are printed in a source but are an evident copy of other rows."""

_FOLDER = "raybench.results.published"


class Source(Document):
    """Where published numbers are from.

    Attributes:
        title: for headings.
        protocol: name of the protocol that the numbers were made by.
        repeated: datasets whose rows are an evident copy of the source's other rows, and what to say of it.
    """

    title: str
    protocol: str
    repeated: dict[str, str] = Field(default_factory=dict)


class _Dataset(Document):
    """A dataset as published files call it: its name for people, and what measures the same."""

    label: str
    measured: tuple[str, ...]


class _Metric(Document):
    """A metric that nothing here measures."""

    label: str
    title: str


class _Published(Document):
    """What sources.yaml says."""

    datasets: dict[str, _Dataset]
    metrics: dict[str, _Metric]
    sources: dict[str, Source]


def _read() -> _Published:
    file = files(_FOLDER) / "sources.yaml"
    return parse_document(file.read_text(encoding="utf-8"), _Published, str(file))


_KNOWN = _read()
SOURCES: Mapping[str, Source] = MappingProxyType(_KNOWN.sources)
"""By file name under results/published, without extension."""


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
    path = files(_FOLDER) / f"{source}.csv"
    reader = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    values = []
    for row in reader:
        try:
            value = float(row.pop("value"))
            values.append(PublishedValue(**row, value=value))
        except (KeyError, TypeError, ValueError) as error:
            raise RaybenchError(f"{path}, line {reader.line_num}: not a published value: {error}") from None
    return tuple(values)


def published_dataset(label: str) -> str | None:
    """Return the name under which published files hold a measured dataset; None if they do not hold it.

    Args:
        label: name of the dataset with its split; see `dataset_label`.
    """
    return next((name for name, one in _KNOWN.datasets.items() if label in one.measured), None)


def published_title(dataset: str) -> str:
    """Name a published dataset as people do."""
    return _KNOWN.datasets[dataset].label if dataset in _KNOWN.datasets else dataset


def published_column(metric: str) -> Column:
    """Return the column of a metric of published rows; not all of them can be measured here."""
    known = _KNOWN.metrics.get(metric)
    column = column_for(metric, "")
    return replace(column, label=known.label, title=known.title) if known else column


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
        for name, source in SOURCES.items()
        if protocol in (None, source.protocol)
        for value in load_published(name)
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
