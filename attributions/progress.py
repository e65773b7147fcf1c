"""Tells how far a method has come that asks a network many times for one image."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

Bar = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""Shows so many steps under a label while open, and is told of steps by what it gives."""

_BAR: ContextVar[tuple[Bar, int] | None] = ContextVar("bar", default=None)


@contextmanager
def shown_by(bar: Bar) -> Iterator[None]:
    """While open, work of this process is shown by a bar; that of processes forked from it is not."""
    token = _BAR.set((bar, os.getpid()))
    try:
        yield
    finally:
        _BAR.reset(token)


@contextmanager
def working(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Yield a function to be told of so many more of `total` steps; without a bar nobody hears of them."""
    bar, process = _BAR.get() or (None, 0)
    if bar is None or process != os.getpid():
        yield lambda steps: None
        return
    with bar(total, label) as step:
        yield step
