"""How a run tells what it is doing; the command line draws progress bars, Python callers hear nothing."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Reporter", "SilentReporter"]


class Reporter(Protocol):
    """Receives the progress of a run."""

    def start(self, title: str, total: int, done: int) -> None:
        """A pass over `total` images begins, `done` of which were measured in an earlier run."""

    def advance(self, images: int) -> None:
        """So many more images are measured and on disk."""

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
