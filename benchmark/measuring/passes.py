"""What a pass over the images is given, and what it notices: data, nothing that runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from ...attributions import BoundAttribution
from ...checkpoints import Network
from ..loading import Needs, PreparedImages
from ..results import RowStore
from ..suite import Protocol
from .costs import Cost, CostMeter
from .scoring import Scorer


@dataclass
class Ledger:
    """A file that rows of images go to, and the images whose rows are in it already."""

    store: RowStore
    done: frozenset[str] = frozenset()

    def add(self, image_id: str, rows: Sequence[Sequence[str]]) -> None:
        """Write all rows of an image, unless they are there."""
        if image_id not in self.done:
            self.store.append(rows)

    def of_rank(self, rank: int) -> Ledger:
        """Return the ledger for the process `rank`, which writes to a shard of its own."""
        return Ledger(self.store.of_rank(rank), self.done)


@dataclass(frozen=True)
class Job:
    """One row of the comparison: a method with the files of its records, statistics and curves, by kind."""

    checkpoint: str
    attribution: BoundAttribution
    files: Mapping[str, Ledger]

    def has(self, image_id: str) -> bool:
        """Whether the rows of an image are in every file."""
        return all(image_id in one.done for one in self.files.values())


@dataclass
class Outcome:
    """What a pass noticed besides its numbers.

    Attributes:
        images: measured in this pass.
        seconds: from the first image to the last row on disk, without loading the network.
        peak_memory_mb: of the process, or of its GPU.
        largest_batch: images that go at once since a batch did not fit into memory; None if all did.
        skipped: images that could not be used, with path and reason.
        without_queries: images that nothing asks about.
        costs: of the maps of each method that reads the network.
        processes: that worked side by side.
    """

    images: int = 0
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    largest_batch: int | None = None
    skipped: list[dict[str, str]] = field(default_factory=list)
    without_queries: set[str] = field(default_factory=set)
    costs: dict[str, Cost] = field(default_factory=dict)
    processes: int = 1

    def add(self, others: Sequence[Outcome]) -> None:
        """Take in what processes noticed in one pass that they made side by side.

        Each image is reported once, whatever the passes.
        """
        for other in others:
            known = {entry["image_id"] for entry in self.skipped}
            self.skipped += [entry for entry in other.skipped if entry["image_id"] not in known]
            self.without_queries |= other.without_queries
            self.images += other.images
            self.peak_memory_mb = max(self.peak_memory_mb, other.peak_memory_mb)
            self.largest_batch = min(filter(None, (self.largest_batch, other.largest_batch)), default=None)
        self.seconds += max((other.seconds for other in others), default=0.0)
        self.processes = max(self.processes, len(others))


@dataclass(frozen=True)
class Pass:
    """Everything one pass needs.

    Attributes:
        images: what is left to measure.
        jobs: methods to run on each image.
        predictions: where top-5 and positive classes go, or None if no metric asks for them.
        notes: where remarks of the dataset go.
        subsets: where the subsets of queries go; None if the dataset sorts none.
        gallery: image ids with the classes whose maps are kept as thumbnails under `out`; None for the first
            class that is asked about.
    """

    images: PreparedImages
    jobs: Sequence[Job]
    predictions: Ledger | None
    notes: Ledger
    subsets: Ledger | None
    scorer: Scorer
    gallery: Mapping[str, Collection[int] | None]
    out: Path
    device: torch.device
    batch_size: int
    workers: int
    strict: bool
    meter: CostMeter

    def at_once(self, network: Network | None) -> int:
        """Images that go through the network together.

        On a CPU a batch gains little, and some convolutions round differently with another batch size.
        """
        return 1 if network and self.device.type == "cpu" else self.batch_size

    def seen_by(self, network: Network) -> Pass:
        """Return the pass with pictures as a loaded network wants them, which may say more than its card."""
        scorer = replace(self.scorer, card=network.card)
        return replace(self, images=self.images.seen_by(network.card), scorer=scorer)

    def of_rank(self, rank: int) -> Pass:
        """Return the pass for the process `rank`, which writes rows to shards of its own."""
        return replace(
            self,
            jobs=[
                replace(job, files={kind: one.of_rank(rank) for kind, one in job.files.items()})
                for job in self.jobs
            ],
            predictions=self.predictions.of_rank(rank) if self.predictions else None,
            notes=self.notes.of_rank(rank),
            subsets=self.subsets.of_rank(rank) if self.subsets else None,
        )

    @property
    def protocol(self) -> Protocol:
        """The rules of the run."""
        return self.images.protocol

    @property
    def needs(self) -> Needs:
        """What the workers prepare."""
        return self.images.needs

    @property
    def stores(self) -> Sequence[RowStore]:
        """Every file that rows go to."""
        further = filter(None, (self.predictions, self.subsets, self.notes))
        return [one.store for one in (*(one for job in self.jobs for one in job.files.values()), *further)]
