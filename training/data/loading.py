"""Loads training batches: decodes pictures, crops them and, as published, builds the grids."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
import torch.utils.data
from torch import Tensor

from ...attributions import generator
from ...base import RaybenchError
from ...benchmark.datasets import UnreadableImageError
from .grid import make_grids
from .pictures import Pictures

_OTHERS = torch.tensor([[1, 2, 3]])
MOST_UNREADABLE = 8
"""So many unreadable pictures in a row mean that the folder, not a picture, is broken."""


class Share(NamedTuple):
    """Which part of a step's pictures a process takes: that of rank r, counted from 0, of n processes."""

    rank: int = 0
    processes: int = 1


class Draw(NamedTuple):
    """A picture's turn: its position among the trainable ones, in an epoch counted from 0."""

    epoch: int
    place: int


@dataclass(frozen=True)
class Sample:
    """One picture, ready for a batch; the fields are those of a row of `Batch`."""

    image: Tensor
    target: Tensor
    class_index: int
    quadrant: int
    grid: Tensor | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """What a step learns from.

    Attributes:
        images: (N, 3, s, s) uint8.
        targets: (N,) int64, or (N, C) bool where pictures have several classes.
        classes: (N,) int64, a class that each picture holds, whose maps are compared.
        quadrants: (N,) int64, where each picture lies in its grid.
        grids: (N, 3, 2s, 2s) uint8, or None if the rest of the batch is to fill the grids.
        problems: sentences on pictures that could not be read; others took their places.
        error: why the batch could not be made, or empty; then the tensors are empty too.
    """

    images: Tensor
    targets: Tensor
    classes: Tensor
    quadrants: Tensor
    grids: Tensor | None = None
    problems: tuple[str, ...] = field(default=())
    error: str = ""

    def pin_memory(self) -> Batch:
        """Return the same batch in memory that a GPU reads on its own; the data loader calls this."""
        return self.moved(Tensor.pin_memory)

    def moved(self, move: Callable[[Tensor], Tensor]) -> Batch:
        """Return the same batch with all its tensors moved."""
        return replace(
            self,
            images=move(self.images),
            targets=move(self.targets),
            classes=move(self.classes),
            quadrants=move(self.quadrants),
            grids=None if self.grids is None else move(self.grids),
        )


class TrainingSamples(torch.utils.data.Dataset["Sample | str"]):
    """Random views of pictures; each is decided by the seed, the epoch and the picture alone."""

    def __init__(self, pictures: Pictures, seed: int, *, with_grids: bool) -> None:
        """Show `pictures`; `with_grids` decodes three more of them per sample, and builds its grid."""
        self.pictures = pictures
        self.seed = seed
        self.with_grids = with_grids

    def __len__(self) -> int:
        return len(self.pictures.trainable)

    def __getitem__(self, draw: Draw) -> Sample | str:
        """Make one sample; a mistake is returned as its sentence, since workers garble exceptions."""
        try:
            return self._sample(draw.place, generator(self.seed, "sample", *draw))
        except RaybenchError as error:
            return str(error)

    def _sample(self, place: int, generator: torch.Generator) -> Sample:
        problems: list[str] = []
        trainable, targets = self.pictures.trainable, self.pictures.targets
        turns = (trainable[(place + step) % len(trainable)] for step in itertools.count())
        image, index = self._view(turns, generator, problems)
        class_index = targets.draw_class(index, generator)
        quadrant = int(torch.randint(4, (1,), generator=generator))
        grid = None
        if self.with_grids:
            four = torch.stack([image, *self._negatives(class_index, generator, problems)])
            (grid,) = make_grids(four, _OTHERS, torch.tensor([quadrant]), torch.tensor([0]))
        return Sample(image, targets.target(index), class_index, quadrant, grid, tuple(problems))

    def _negatives(self, class_index: int, generator: torch.Generator, problems: list[str]) -> list[Tensor]:
        """Three views of pictures without the class, each cropped on its own."""
        draw = self.pictures.targets.draw_negatives
        again = (draw(class_index, generator)[0] for _ in itertools.count())
        picks = draw(class_index, generator)
        return [self._view(itertools.chain((pick,), again), generator, problems)[0] for pick in picks]

    def _view(
        self, candidates: Iterator[int], generator: torch.Generator, problems: list[str]
    ) -> tuple[Tensor, int]:
        """View the first candidate that can be read; return its position too."""
        for index in itertools.islice(candidates, MOST_UNREADABLE):
            try:
                return self.pictures.training_view(index, generator), index
            except UnreadableImageError as error:
                problems.append(str(error))
        raise RaybenchError(
            f"{self.pictures.name}: {MOST_UNREADABLE} pictures in a row cannot be used: {problems[-1]}"
        )


def collate(samples: Sequence[Sample | str]) -> Batch:
    """Stack samples; a mistake in one becomes the batch's."""
    good = [sample for sample in samples if isinstance(sample, Sample)]
    error = next((sample for sample in samples if isinstance(sample, str)), "")
    if error:
        nothing = torch.empty(0)
        return Batch(nothing, nothing, nothing, nothing, error=error)
    grids = [sample.grid for sample in good if sample.grid is not None]
    return Batch(
        images=torch.stack([sample.image for sample in good]),
        targets=torch.stack([sample.target for sample in good]),
        classes=torch.tensor([sample.class_index for sample in good]),
        quadrants=torch.tensor([sample.quadrant for sample in good]),
        grids=torch.stack(grids) if grids else None,
        problems=tuple(problem for sample in good for problem in sample.problems),
    )


class Turns(torch.utils.data.Sampler["list[Draw]"]):
    """Which pictures each step takes, from a step on to the end of training.

    The order of an epoch depends on the seed and the epoch alone. Of a step's pictures, process r of n takes
    each n-th from the r-th on, so that n processes take together what one would.
    """

    def __init__(self, pictures: int, batch_size: int, seed: int, steps: range, share: Share) -> None:
        """Deal `pictures` out in batches of `batch_size`, over all processes.

        Args:
            pictures: how many there are.
            batch_size: of all processes together; pictures that fill no batch wait for the next epoch.
            seed: decides the orders.
            steps: which steps are dealt, counted from 0 through all epochs.
            share: of this process.
        """
        self.pictures, self.batch_size, self.seed = pictures, batch_size, seed
        self.steps, self.share = steps, share

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Yield a step's pictures, those of this process."""
        order: list[int] = []
        known = -1
        for step in self.steps:
            epoch, turn = divmod(step, self.pictures // self.batch_size)
            if epoch != known:
                drawn = torch.randperm(self.pictures, generator=generator(self.seed, "order", epoch))
                order, known = drawn.tolist(), epoch
            batch = order[turn * self.batch_size : (turn + 1) * self.batch_size]
            yield [Draw(epoch, place) for place in batch[self.share.rank :: self.share.processes]]


def make_loader(
    samples: TrainingSamples, turns: Turns, *, workers: int, pin_memory: bool
) -> torch.utils.data.DataLoader[Batch]:
    """Load batches in `workers` processes, or in this one for 0."""
    loader: torch.utils.data.DataLoader[Any] = torch.utils.data.DataLoader(
        samples,
        batch_sampler=turns,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=pin_memory,
        prefetch_factor=4 if workers else None,
    )
    return loader
