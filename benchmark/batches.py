"""Loads images in worker processes and groups those of equal input size."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator

import torch.utils.data

from .preparation import Prepared, PreparedImages
from .scoring import Batch

__all__ = ["group_by_shape", "load"]


def load(images: PreparedImages, workers: int) -> Iterator[Prepared]:
    """Yield prepared images in order; `workers` processes read ahead, 0 reads in this process."""
    loader = torch.utils.data.DataLoader(
        images,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_leave_with_parent,
    )
    yield from loader


def _leave_with_parent(_worker: int) -> None:
    """Let a loader process end soon after the run is killed.

    torch's own watchdog only ends the loop of the loader: it would then wait for ever to hand on the images
    that it has read, since its brothers hold the other end of the pipe open.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "called outside a loader process"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def group_by_shape(images: Iterable[Prepared], batch_size: int) -> Iterator[Batch]:
    """Group images whose network inputs have the same height and width, so that no padding is needed.

    A group is handed on when it is full. Groups that stay small are handed on when eight batches wait, the
    fullest first, so that memory stays bounded, and at the end.
    """
    waiting: dict[tuple[int, ...], list[Prepared]] = defaultdict(list)
    for image in images:
        shape = image.pixels.shape if image.pixels is not None else ()
        waiting[shape].append(image)
        if len(waiting[shape]) == batch_size:
            yield Batch(tuple(waiting.pop(shape)))
        elif sum(map(len, waiting.values())) >= 8 * batch_size:
            fullest = max(waiting, key=lambda shape: len(waiting[shape]))
            yield Batch(tuple(waiting.pop(fullest)))
    for group in waiting.values():
        yield Batch(tuple(group))
