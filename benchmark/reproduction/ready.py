"""What a table still lacks on this machine, and how long measuring it may take: looked at before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ...attributions import bind
from ...checkpoints import WeightFile, weight_files
from ..datasets import find_folder, find_reader
from ..suite import protocol_from
from .table import Group, PublishedTable, label_of

__all__ = ["Lack", "Readiness", "look", "seconds_of"]

_PER_SECOND = {"cuda": 2000.0, "cpu": 12.0}
"""Forward passes of a ResNet50 at 224 x 224, of a data-centre GPU and of one core: for estimates."""

_BACKWARD = 2.0  # forward passes that a backward pass takes as long as
_USUAL_SIDE = 224


class Lack(NamedTuple):
    """Something that is not there: what, how to get it, and how many megabytes that is (0: not known)."""

    what: str
    how: str
    megabytes: int = 0


@dataclass(frozen=True)
class Readiness:
    """What was found.

    Attributes:
        weights: files of weights that are not here, which a run would download.
        lacks: what a run cannot get by itself.
        seconds: by column: about how long it takes.
        incomplete: columns that lack data, or weights that cannot be downloaded.
        downloading: columns that need a download.
    """

    weights: tuple[WeightFile, ...]
    lacks: tuple[Lack, ...]
    seconds: Mapping[str, float]
    incomplete: frozenset[str]
    downloading: frozenset[str]

    def columns(self, *, offline: bool) -> frozenset[str]:
        """Columns that can be measured now, with or without downloads."""
        return frozenset(self.seconds) - self.incomplete - (self.downloading if offline else frozenset())


def look(
    table: PublishedTable, data: Mapping[str, Path], *, device: str, processes: int, images: int | None
) -> Readiness:
    """Look at weights and data of a table; nothing is opened, downloaded or measured.

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
    seconds, incomplete, downloading = {}, set(), set()
    to_load = {file.card for file in weights}
    for group in table.groups:
        names = {cell.checkpoint for cell in group.cells}
        reader = find_reader(str(group.choice["name"]))
        if find_folder(reader, data) is None and not reader.generate:
            how = f"{group.dataset.where}; give its folder as --data {reader.name}=PATH".removeprefix("; ")
            lacks.append(Lack(group.dataset.label, how))
            incomplete.add(group.column)
        if names & lost:
            incomplete.add(group.column)
        if names & to_load:
            downloading.add(group.column)
        seconds[group.column] = seconds_of(table, group, device, processes, images)
    return Readiness(
        tuple(weights),
        tuple(dict.fromkeys(lacks)),
        seconds,
        frozenset(incomplete),
        frozenset(downloading),
    )


def seconds_of(table: PublishedTable, group: Group, device: str, processes: int, images: int | None) -> float:
    """Estimate how long a column takes, from the passes that its methods ask for."""
    source, count = table.source, group.dataset.images
    share = 1.0 if images is None else min(1.0, images / count)
    queries = max(count, group.dataset.queries)
    protocol = protocol_from(source.protocol, source.protocol_changes)
    methods = {
        (cell.checkpoint, label_of(cell)): bind(cell.attribution, cell.options).passes
        for cell in group.cells
        if cell.checkpoint
    }
    passes = sum(
        one.forwards(count, queries) + _BACKWARD * one.backwards(count, queries) for one in methods.values()
    )
    passes += count * len({cell.checkpoint for cell in group.cells if cell.checkpoint})  # accuracy
    pixels = (protocol.short_side / _USUAL_SIDE) ** 2
    rate = _PER_SECOND.get(device, _PER_SECOND["cpu"]) * (1 if device == "cuda" else processes)
    return share * pixels * passes / rate
