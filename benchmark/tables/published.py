"""The numbers that papers report, to stand beside what is measured."""

from __future__ import annotations

import csv
import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field

from ...base import Document, RaybenchError, UnknownNameError, parse_document

REPEATED = "repeats the ImageNet rows"
"""Mark of values that are printed in a source but are an evident copy of other rows."""

NO_REFERENCE = "no reference"
"""What a value is called that nothing can be judged by."""

_TEXTS = [
    "row",
    "column",
    "checkpoint",
    "attribution",
    "dataset",
    "aggregate",
    "expected",
    "page",
    "note",
]  # columns, as they are
_FOLDER = "raybench.results.published"


class Described(Document):
    """A checkpoint of a table, for people; a test holds that its card says the same.

    Attributes:
        architecture: as people call it.
        built_by: what the card calls it, if that is something else.
        sha256: first digits of the hash of its weight file, if the source names one: what has other weights
            is another checkpoint.
        megabytes: about how large its weight files are; 0 if that is not known.
    """

    architecture: str
    built_by: str = ""
    training: str = "baseline"
    sha256: str = ""
    megabytes: int = 0


class PublishedDataset(Document):
    """A dataset as published files call it.

    Attributes:
        label: its name for people.
        measured: the datasets, as suites call them, whose numbers are of the same pictures.
        choice: how a suite names it.
        without_network: how a suite names it where no picture is needed; as `choice` if that is empty.
        images: how many pictures it has.
        queries: about how many classes its pictures are asked about, in all.
        where: how to get it, in one sentence.
    """

    label: str
    measured: tuple[str, ...]
    choice: dict[str, Any]
    without_network: dict[str, Any] = Field(default_factory=dict)
    images: int
    queries: int = 0
    where: str = ""


class Source(Document):
    """A published table, beside whose file lie its values.

    Attributes:
        title: for headings.
        citation: the paper.
        source: address of what the numbers were read in.
        protocol: name of the protocol that the numbers were made by.
        protocol_changes: fields in which it departs from that protocol.
        datasets: those that datasets.yaml does not know.
        checkpoints: by name of the card.
        tolerances: by metric: how far a measured value may be from the published one for known reasons.
        by_attribution: the same, for methods whose values scatter by another amount.
        gate: metric whose failure says that the weights are others, so that the row's other cells are void.
        expensive: methods that are left out unless they are asked for.
        protocol_of: by method: fields in which its rows depart from the protocol of the others.
        needs: names of checkpoints, attributions and metrics that nothing here knows yet.
        repeated: datasets whose rows are an evident copy of the source's other rows, and what to say of it.
    """

    title: str
    citation: str
    source: str
    protocol: str
    protocol_changes: dict[str, Any] = Field(default_factory=dict)
    datasets: dict[str, PublishedDataset] = Field(default_factory=dict)
    checkpoints: dict[str, Described]
    tolerances: dict[str, float]
    by_attribution: dict[str, float] = Field(default_factory=dict)
    gate: str = ""
    expensive: tuple[str, ...] = ()
    protocol_of: dict[str, dict[str, Any]] = Field(default_factory=dict)
    needs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    repeated: dict[str, str] = Field(default_factory=dict)


class Measure(Document):
    """A metric that nothing here measures."""

    label: str
    title: str


class _Known(Document):
    """What datasets.yaml says."""

    datasets: dict[str, PublishedDataset]
    metrics: dict[str, Measure]


@dataclass(frozen=True)
class PublishedValue:
    """One published number: a cell of a table.

    Attributes:
        row: of the table, as its file calls it.
        column: what is measured together: a dataset with a kind of network.
        checkpoint: name of the card; empty for methods that need no network.
        dataset: as in datasets.yaml.
        metric: its name, with the subset of the pictures that it is over: `pointing_game_difficult`.
        value: in percent.
        printed: the last digit that is printed, such as 0.1.
        spread: the source's own standard deviation; 0 if it gives none.
        tolerance: of this cell alone; NaN for that of the table.
        expected: empty; `differs: REASON`; or `no reference`.
        page: where in the source it stands.
        note: what a reader must know about it; may be empty.
        options: of the method.
        subset: of the queries, that the value is over; empty for all.
    """

    source: str
    row: str
    column: str
    checkpoint: str
    attribution: str
    dataset: str
    metric: str
    aggregate: str
    value: float
    printed: float
    spread: float = 0.0
    tolerance: float = math.nan
    expected: str = ""
    page: str = ""
    note: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = ""
    training: str = ""
    subset: str = ""

    @property
    def measured_metric(self) -> str:
        """Name of the metric as runs know it, whatever the subset."""
        return self.metric.removesuffix(f"_{self.subset}")

    @property
    def key(self) -> tuple[str, str, str]:
        """Which cell of its table it is: row, column and metric."""
        return (self.row, self.column, self.metric)

    @property
    def repeated(self) -> bool:
        """True if the value is an evident copy of another row, hence no reference."""
        return self.expected == NO_REFERENCE

    @property
    def mark(self) -> str:
        """What to print beside the value: that it is a copy, or its note."""
        return REPEATED if self.repeated else self.note


def _read_known() -> _Known:
    file = files(_FOLDER) / "datasets.yaml"
    return parse_document(file.read_text(encoding="utf-8"), _Known, str(file))


def _read_sources() -> Mapping[str, Source]:
    names = sorted(Path(entry.name).stem for entry in files(_FOLDER).iterdir() if entry.name.endswith(".csv"))
    return MappingProxyType(
        {name: _read_source(Path(str(files(_FOLDER))) / f"{name}.yaml") for name in names}
    )


def _read_source(path: Path) -> Source:
    try:
        return parse_document(path.read_text(encoding="utf-8"), Source, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RaybenchError(f"cannot read the table {path}: {str(error).lower()}") from None


_KNOWN = _read_known()
known_datasets: Mapping[str, PublishedDataset] = MappingProxyType(_KNOWN.datasets)
known_metrics: Mapping[str, Measure] = MappingProxyType(_KNOWN.metrics)
SOURCES: Mapping[str, Source] = _read_sources()
"""The tables that ship, by name."""


def published_source(table: str) -> Source:
    """Return what is known of a table that ships, by name, or of one's own, by the path of its YAML file.

    Raises:
        UnknownNameError: no such table; names the nearest.
        RaybenchError: the file cannot be read, or is not of its form.
    """
    if table.endswith((".yaml", ".yml")):
        return _read_source(Path(table))
    if table not in SOURCES:
        raise UnknownNameError("published table", table, SOURCES)
    return SOURCES[table]


def load_published(table: str) -> tuple[PublishedValue, ...]:
    """Return all values of one table, in the order of its file; see `published_source`.

    Raises:
        UnknownNameError: no such table; names the nearest.
        RaybenchError: the file is damaged; names the line.
    """
    source = published_source(table)
    if table in SOURCES:
        return _shipped(table)
    return _read_values(Path(table).with_suffix(".csv"), source, table)


@functools.cache
def _shipped(table: str) -> tuple[PublishedValue, ...]:
    return _read_values(Path(str(files(_FOLDER))) / f"{table}.csv", SOURCES[table], table)


def _read_values(path: Path, source: Source, table: str) -> tuple[PublishedValue, ...]:
    try:
        reader = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise RaybenchError(f"cannot read the cells {path}: {str(error).lower()}") from None
    values = []
    for row in reader:
        try:
            values.append(_value(row, source, table))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RaybenchError(f"{path}, line {reader.line_num}: not a published value: {error}") from None
    return tuple(values)


def _value(row: dict[str, str], source: Source, name: str) -> PublishedValue:
    checkpoint, subset = row["checkpoint"], row["subset"]
    described = source.checkpoints.get(checkpoint)
    if checkpoint and described is None:
        raise ValueError(f"checkpoint {checkpoint!r} is not among those of the table")
    texts = {key: row[key] for key in _TEXTS}
    return PublishedValue(
        source=name,
        metric=row["metric"] + (f"_{subset}" if subset else ""),
        subset=subset,
        value=float(row["value"]),
        printed=float(row["printed"]),
        spread=float(row["spread"] or 0),
        tolerance=float(row["tolerance"] or "nan"),
        options=json.loads(row["options"] or "{}"),
        architecture=described.architecture if described else "",
        training=described.training if described else "none",
        **texts,
    )
