"""How a run tells what it is doing; the command line draws progress bars, Python callers hear nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from .machine.crew import Counter


class Reporter(Protocol):
    """Receives the progress of a run; what derives from it says nothing of what it leaves out."""

    def start(self, title: str, total: int, done: int) -> None:
        """A pass over `total` images begins, `done` of which were measured in an earlier run."""
        return

    def advance(self, images: int) -> None:
        """So many more images are measured and on disk, or had to be skipped."""
        return

    def finish(self) -> None:
        """The pass is over."""
        return

    def say(self, message: str) -> None:
        """Something worth a line of its own."""
        return


class SilentReporter(Reporter):
    """Says nothing."""


@contextmanager
def passing(
    reporter: Reporter, counter: Counter, title: str, total: int, left: int
) -> Iterator[Callable[[int], None]]:
    """Show a pass that several processes work on, as one of them sees it.

    Args:
        reporter: told of what all of them do.
        counter: to which each adds the images that it has done.
        title: of the pass.
        total: number of images.
        left: so many of them are left to do.

    Yields:
        A function to be told of images that this process has done.
    """
    told = 0

    def advance(images: int) -> None:
        nonlocal told
        known = counter(images)
        if known > told:
            reporter.advance(known - told)
        told = known

    reporter.start(title, total, total - left)
    try:
        yield advance
        advance(0)
    finally:
        reporter.finish()
