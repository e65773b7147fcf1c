"""Keeps very small floats from slowing a CPU down."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["denormals_flushed"]


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """While open, numbers too small for a normal float become zero in this thread; then as before.

    The processor's mode belongs to a thread, and torch sets it for the calling one only: worker threads that
    run already keep theirs.
    """
    before = _are_flushed()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _are_flushed() -> bool:
    """Look at what the processor does, as torch has no function that tells."""
    smallest_normal = sys.float_info.min
    return smallest_normal * 0.5 == 0.0
