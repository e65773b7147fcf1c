"""What a table still lacks on this machine, and how long measuring it may take: looked at before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...attributions import ATTRIBUTIONS, bind
from ...base import RaybenchError
from ...checkpoints import WeightFile, weight_files
from ..datasets import find_folder, find_reader
from ..suite import protocol_from
from .table import Group, PublishedTable

_PER_SECOND = {"cuda": 2000.0, "cpu": 12.0}
"""Forward passes of a ResNet50 at 224 x 224, of a data-centre GPU and of one core: for estimates."""

_BACKWARD = 2.0  # forward passes that a backward pass takes as long as
_USUAL_SIDE = 224


class Lack(NamedTuple):
    """Something that is not there: what, and how to get it."""

    what: str
    how: str


@dataclass(frozen=True)
class Readiness:
    """What was found.

    Attributes:
        weights: files of weights that are not here, which a run would download.
        lacks: what a run cannot get by itself.
        passes: forward passes of a ResNet50 at 224 x 224 that measuring takes as long as, by column and row.
        rate: of those, how many this machine makes in a second.
        place: that machine, in words.
        incomplete: columns that lack data, or weights that cannot be downloaded.
        downloading: columns that need a download.
    """

    weights: tuple[WeightFile, ...]
    lacks: tuple[Lack, ...]
    passes: Mapping[tuple[str, str], float]
    rate: float
    place: str
    incomplete: frozenset[str]
    downloading: frozenset[str]

    @property
    def on_gpu(self) -> float:
        """How many times as fast a data-centre GPU is."""
        return _PER_SECOND["cuda"] / self.rate

    def columns(self, table: PublishedTable, *, offline: bool) -> frozenset[str]:
        """Columns that can be measured now, with or without downloads."""
        known = frozenset(group.column for group in table.groups)
        return known - self.incomplete - (self.downloading if offline else frozenset())


def look(
    table: PublishedTable, data: Mapping[str, Path], *, device: str, processes: int, images: int | None
) -> Readiness:
    """Look at weights and data of a table; nothing is downloaded or measured, and no picture is decoded.

    Args:
        table: what is to be measured.
        data: folders by dataset name, as for a run.
        device: `cuda` or `cpu`, for the estimate.
        processes: that measure side by side.
        images: how many of each column are measured; None for all.
    """
    lacks: list[Lack] = []
    weights: list[WeightFile] = []
    lost: set[str] = set()
    for name, card in table.cards.items():
        for file in weight_files(card, data):
            if file.there:
                continue
            if file.url:
                weights.append(file)
            else:
                lacks.append(Lack(f"weights of {name}", file.how))
                lost.add(name)
    incomplete, downloading = set(), set()
    looked: dict[str, str] = {}
    to_load = {file.card for file in weights}
    for group in table.groups:
        names = {cell.checkpoint for cell in group.cells}
        if str(group.choice) not in looked:  # columns share data, which takes seconds to open
            looked[str(group.choice)] = _lack_of(group, table, data)
        how = looked[str(group.choice)]
        if how:
            lacks.append(Lack(group.dataset.label, how))
        if how or names & lost:
            incomplete.add(group.column)
        if names & to_load:
            downloading.add(group.column)
    on_gpu = device == "cuda"
    return Readiness(
        tuple(weights),
        tuple(dict.fromkeys(lacks)),
        _passes(table, images),
        _PER_SECOND["cuda"] if on_gpu else _PER_SECOND["cpu"] * processes,
        "this GPU" if on_gpu else f"{processes} CPU {'core' if processes == 1 else 'cores'}",
        frozenset(incomplete),
        frozenset(downloading),
    )


def _lack_of(group: Group, table: PublishedTable, data: Mapping[str, Path]) -> str:
    """Say how to get the data of a column; empty if all of it is here."""
    reader = find_reader(str(group.choice["name"]))
    folder = find_folder(reader, data)
    if folder is None:
        how = f"{group.dataset.where}; give its folder as --data {reader.name}=PATH".removeprefix("; ")
        return "" if reader.generate else how
    protocol = protocol_from(table.source.protocol, table.source.protocol_changes)
    options = {key: value for key, value in group.choice.items() if key not in ("name", "label")}
    known, where = group.dataset.images, f"; get {group.dataset.where}" if group.dataset.where else ""
    try:
        count = len(reader.open(folder, protocol, options=options))
    except RaybenchError as error:
        return f"{error}{where}"
    return "" if count == known else f"{folder} holds {count:,} pictures of {known:,}{where}"


def _passes(table: PublishedTable, images: int | None) -> dict[tuple[str, str], float]:
    """Estimate what each row takes, from the passes that its method asks for."""
    protocol = protocol_from(table.source.protocol, table.source.protocol_changes)
    pixels = (protocol.short_side / _USUAL_SIDE) ** 2
    known = {one.name for one in ATTRIBUTIONS}
    passes: dict[tuple[str, str], float] = {}
    classified: set[tuple[str, str]] = set()
    for cell in table.cells:
        dataset = table.dataset_of(cell)
        count, queries = dataset.images, max(dataset.images, dataset.queries)
        if not cell.checkpoint or cell.attribution not in known or (cell.column, cell.row) in passes:
            continue
        one = bind(cell.attribution, cell.options).passes
        work = one.forwards(count, queries) + _BACKWARD * one.backwards(count, queries)
        if (cell.column, cell.checkpoint) not in classified:
            work += count
            classified.add((cell.column, cell.checkpoint))
        passes[cell.column, cell.row] = work * pixels * min(1.0, (images or count) / count)
    return passes
