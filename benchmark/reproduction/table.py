"""From a published table to suites: what is to be measured together, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from ...attributions import ATTRIBUTIONS
from ...base import CodeFiles, RaybenchError, UnknownNameError
from ...checkpoints import Card, find_card
from ..metrics import METRICS
from ..suite import Suite
from ..tables import (
    PublishedDataset,
    PublishedValue,
    Source,
    known_datasets,
    load_published,
    published_source,
)


@dataclass(frozen=True)
class Group:
    """Cells of a column that are measured together.

    Attributes:
        name: of what is measured: that of the column, with the methods whose protocol is another.
        column: as the table calls it.
        cells: those that can be measured.
        dataset: the data that they are of.
        checkpoints: names, or paths of cards, that a suite can name.
        changes: fields in which the protocol departs from the table's.
    """

    name: str
    column: str
    cells: tuple[PublishedValue, ...]
    dataset: PublishedDataset
    checkpoints: tuple[str, ...]
    changes: Mapping[str, Any]

    @property
    def choice(self) -> Mapping[str, Any]:
        """How a suite names the dataset."""
        plain = not self.checkpoints and self.dataset.without_network
        return self.dataset.without_network if plain else self.dataset.choice

    def suite(self, source: Source, name: str, listed: str = "") -> dict[str, Any]:
        """Return a suite that measures all cells, as plain values.

        Args:
            source: of the table.
            name: of the suite.
            listed: file with the ids of the images to measure, beside the suite; empty for all images.
        """
        methods = {
            label_of(cell): {"name": cell.attribution, "label": label_of(cell), **cell.options}
            for cell in self.cells
        }
        return {
            "name": name,
            "description": f"{source.title}: {self.column}",
            "protocol": {"name": source.protocol, **source.protocol_changes, **self.changes},
            "dataset": {**self.choice, **({"list": listed} if listed else {})},
            "checkpoints": list(self.checkpoints),
            "attributions": list(methods.values()),
            "metrics": list(dict.fromkeys(metric_of(cell) for cell in self.cells)),
            "gallery": 0,
        }


@dataclass(frozen=True)
class PublishedTable:
    """A published table with what of it can be measured here.

    Attributes:
        name: as it is asked for.
        source: what is known of it.
        cells: those that were chosen, in the order of the file.
        groups: what is measured together.
        impossible: why a cell cannot be measured, by its key.
        cards: of the networks, by name.
    """

    name: str
    source: Source
    cells: tuple[PublishedValue, ...]
    groups: tuple[Group, ...]
    impossible: Mapping[tuple[str, str, str], str]
    cards: Mapping[str, Card]

    def dataset_of(self, cell: PublishedValue) -> PublishedDataset:
        """Return the data that a cell is of."""
        return _datasets(self.source)[cell.dataset]


def label_of(cell: PublishedValue) -> str:
    """Return the label of a cell's method in results."""
    return cell.attribution if not cell.options else f"{cell.attribution}-{cell.row}"


def metric_of(cell: PublishedValue) -> str:
    """Return the metric that has a cell's value, whatever the subset."""
    return cell.measured_metric


def open_table(name: str, *, columns: Sequence[str] = (), expensive: bool = True) -> PublishedTable:
    """Read a table and sort its cells into what can be measured together.

    Args:
        name: of a table that ships, or the path of the YAML file of one's own.
        columns: patterns of columns to choose, such as `voc-*`; all if empty.
        expensive: measure also the methods that the table calls expensive.

    Raises:
        UnknownNameError: no such table or column.
        RaybenchError: its files are damaged.
    """
    source, cells = published_source(name), load_published(name)
    known = dict.fromkeys(cell.column for cell in cells)
    for pattern in columns:
        if not any(fnmatchcase(column, pattern) for column in known):
            raise UnknownNameError(f"column of table {name}", pattern, known)
    chosen = [cell for cell in cells if not columns or any(fnmatchcase(cell.column, one) for one in columns)]
    folder = Path(name).parent if name.endswith((".yaml", ".yml")) else Path()
    cards: dict[str, Card] = {}
    lacking: dict[str, str] = {}
    for checkpoint in dict.fromkeys(cell.checkpoint for cell in chosen if cell.checkpoint):
        try:
            cards[checkpoint] = find_card(_card_path(checkpoint, folder), CodeFiles(folder))
        except RaybenchError as error:
            lacking[checkpoint] = str(error)
    impossible = {
        cell.key: reason for cell in chosen if (reason := _reason(cell, source, lacking, expensive=expensive))
    }
    possible = [cell for cell in chosen if cell.key not in impossible]
    groups = list(_grouped(possible, source, folder))
    return PublishedTable(name, source, tuple(chosen), tuple(groups), impossible, cards)


def _grouped(cells: Sequence[PublishedValue], source: Source, folder: Path) -> Iterator[Group]:
    """Put the cells of a column together whose protocol is one."""
    together: dict[tuple[str, str], list[PublishedValue]] = {}
    for cell in cells:
        own = cell.attribution if cell.attribution in source.protocol_of else ""
        together.setdefault((cell.column, own), []).append(cell)
    for (column, own), some in together.items():
        yield Group(
            f"{column}-{own}" if own else column,
            column,
            tuple(some),
            _datasets(source)[some[0].dataset],
            tuple(dict.fromkeys(_card_path(cell.checkpoint, folder) for cell in some if cell.checkpoint)),
            source.protocol_of.get(own, {}),
        )


def _card_path(checkpoint: str, folder: Path) -> str:
    """Return what a suite calls a checkpoint: the card beside the table, or the name of a shipped one."""
    beside = folder / f"{checkpoint}.yaml"
    return str(beside.resolve()) if str(folder) != "." and beside.is_file() else checkpoint


def _datasets(source: Source) -> Mapping[str, PublishedDataset]:
    return {**known_datasets, **source.datasets}


def _reason(cell: PublishedValue, source: Source, lacking: Mapping[str, str], *, expensive: bool) -> str:
    """Say why a cell cannot be measured here; empty if it can."""
    if cell.checkpoint in lacking:
        return f"there is no card of {cell.checkpoint}: its weights are not published"
    if cell.attribution not in {one.name for one in ATTRIBUTIONS}:
        return f"there is no method {cell.attribution} here"
    if metric_of(cell) not in {one.name for one in METRICS}:
        return f"there is no metric {metric_of(cell)} here"
    if cell.attribution in source.expensive and not expensive:
        return "it is expensive; ask for it by --expensive"
    return ""


def write_suite(path: Path, suite: Mapping[str, Any]) -> Suite:
    """Write a suite as a file that `raybench run` takes, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(suite), sort_keys=False), encoding="utf-8")
    return Suite.model_validate(suite)
