"""Groups images of equal input size into batches, and loads them in worker processes."""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from ...base import Box, Size
from .children import end_with_parent
from .preparation import Prepared, PreparedImages
from .transfer import send_joined


@dataclass(frozen=True, eq=False)
class Batch:
    """Images that go through the network together: equal in input size, not in original size.

    What several methods ask for is made once, and sent to a device once.
    """

    images: tuple[Prepared, ...]

    @functools.cached_property
    def image_index(self) -> Tensor:
        """Row of `images` that each query asks about: (N,) int64."""
        counts = torch.tensor([len(image.class_index) for image in self.images])
        return torch.arange(len(self.images)).repeat_interleave(counts)

    @functools.cached_property
    def class_index(self) -> Tensor:
        """Class that each query asks about: (N,) int64."""
        return torch.from_numpy(np.concatenate([image.class_index for image in self.images]))

    @functools.cached_property
    def by_size(self) -> tuple[SameSize, ...]:
        """The images that are asked about, by original size."""
        positions: dict[Size, list[int]] = defaultdict(list)
        for position, image in enumerate(self.images):
            if len(image.class_index):
                positions[image.size].append(position)
        return tuple(
            SameSize(
                tuple(self.images[position] for position in chosen),
                size,
                torch.isin(self.image_index, torch.tensor(chosen)).nonzero().squeeze(1),
            )
            for size, chosen in positions.items()
        )


@dataclass(eq=False)
class SameSize:
    """Images of a batch that have one original size.

    Attributes:
        queries: (N,) int64, the rows of their queries among the batch's.
    """

    images: tuple[Prepared, ...]
    size: Size
    queries: Tensor
    _sent: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def boxes(self) -> tuple[tuple[Box, ...], ...]:
        """Of the objects of each query."""
        return tuple(boxes for image in self.images for boxes in image.boxes)

    def on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Return `queries`, and the masks and near pixels (N, H, W) bool of the queries, on a device."""
        if self._sent is None:
            masks, near = ([getattr(image, name) for image in self.images] for name in ("masks", "near"))
            queries = send_joined([self.queries.numpy()], device)
            self._sent = queries, send_joined(masks, device), send_joined(near, device)
        return self._sent


def load(images: PreparedImages, positions: Iterable[int], workers: int) -> Iterator[Prepared]:
    """Yield the images at `positions` in order; `workers` processes read ahead, 0 reads in this process."""
    if not workers:
        yield from map(images.__getitem__, positions)
        return
    yield from torch.utils.data.DataLoader(
        images,
        batch_size=None,
        sampler=positions,
        num_workers=workers,
        prefetch_factor=4,
        worker_init_fn=end_with_parent,
    )


def workers_beside(device: torch.device, *, processes: int = 1) -> int:
    """Return how many loader processes keep up with a network, for each of the processes of a machine.

    Beside a GPU every core may load. Beside a network on the CPU a quarter of the cores keeps up; more would
    take cores from it, and its threads then wait for each other.
    """
    cores = (os.cpu_count() or 1) // processes
    return max(1, min(16, cores - 1)) if device.type == "cuda" else cores // 4


def group_by_shape(images: Iterable[Prepared], batch_size: int) -> Iterator[Batch]:
    """Group images whose network inputs have the same height and width, so that no padding is needed.

    A group is handed on when it is full. Groups that stay small are handed on when eight batches wait, the
    fullest first, so that memory stays bounded, and at the end.
    """
    waiting: dict[Size | None, list[Prepared]] = defaultdict(list)
    for image in images:
        size = image.input_size
        waiting[size].append(image)
        if len(waiting[size]) == batch_size:
            yield Batch(tuple(waiting.pop(size)))
        elif sum(map(len, waiting.values())) >= 8 * batch_size:
            fullest = max(waiting, key=lambda size: len(waiting[size]))
            yield Batch(tuple(waiting.pop(fullest)))
    for group in waiting.values():
        yield Batch(tuple(group))
