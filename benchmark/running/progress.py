"""How a run tells what it is doing; the command line draws progress bars, Python callers hear nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from .crew import Counter

__all__ = ["Reporter", "Shown", "SilentReporter"]


class Reporter(Protocol):
    """Receives the progress of a run."""

    def start(self, title: str, total: int, done: int) -> None:
        """A pass over `total` images begins, `done` of which were measured in an earlier run."""

    def advance(self, images: int) -> None:
        """So many more images are measured and on disk, or had to be skipped."""

    def finish(self) -> None:
        """The pass is over."""

    def say(self, message: str) -> None:
        """Something worth a line of its own."""


class SilentReporter:
    """Says nothing."""

    def start(self, title: str, total: int, done: int) -> None:
        """See `Reporter.start`."""

    def advance(self, images: int) -> None:
        """See `Reporter.advance`."""

    def finish(self) -> None:
        """See `Reporter.finish`."""

    def say(self, message: str) -> None:
        """See `Reporter.say`."""


class Shown:
    """The progress of a pass that several processes work on, as one of them shows it."""

    def __init__(self, reporter: Reporter, counter: Counter) -> None:
        """Tell `reporter` what all processes together add to `counter`."""
        self.reporter = reporter
        self.counter = counter
        self.told = 0

    @contextmanager
    def pass_over(self, title: str, total: int, done: int) -> Iterator[None]:
        """Show a pass from here to the end of the block."""
        self.reporter.start(title, total, done)
        try:
            yield
            self.advance(0)
        finally:
            self.reporter.finish()

    def advance(self, images: int) -> None:
        """So many more images are on disk, measured by this process."""
        known = self.counter.add(images)
        if known > self.told:
            self.reporter.advance(known - self.told)
        self.told = known
