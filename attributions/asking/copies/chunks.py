"""Many altered copies of one image go through a network in chunks of constant size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import torch

from ...progress import working

Answer = TypeVar("Answer")

Copies = Callable[[range], torch.Tensor]
"""Makes the copies of these numbers, the same whatever others are asked for: (m, ...)."""


def in_chunks(
    count: int, device: torch.device, most: Mapping[str, int], ask: Callable[[range], Answer], label: str
) -> Iterator[Answer]:
    """Ask about the numbers below `count`, so many at once, and yield the answers in order.

    How many is a constant: the rounding of a network's arithmetic depends on it, so that it must not follow
    from the size of a batch. Where the device has too little memory, it is halved.

    Args:
        count: of all numbers.
        device: of the network.
        most: how many at once by type of device; `cuda` stands for all others but `cpu`.
        ask: called with consecutive numbers.
        label: of the work, for those who watch its progress.

    Raises:
        torch.OutOfMemoryError: one at a time is too much.
    """
    at_once = most["cpu" if device.type == "cpu" else "cuda"]
    with working(count, label) as step:
        start = 0
        while start < count:
            part = range(start, min(start + at_once, count))
            try:
                answer = ask(part)
            except torch.OutOfMemoryError:
                if len(part) == 1:
                    raise
                at_once = len(part) // 2
                continue
            yield answer
            step(len(part))
            start = part.stop
