"""Loads images in worker processes and groups those of equal input size."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

import torch
import torch.utils.data

from ...base import Size
from .batch import Batch
from .children import end_with_parent
from .preparation import Prepared, PreparedImages


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
