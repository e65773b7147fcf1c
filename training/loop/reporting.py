"""How a training tells what it is doing; the command line draws a bar, Python callers hear nothing."""

from __future__ import annotations

from typing import Protocol

from .log import LogRow


class TrainingReporter(Protocol):
    """Receives the progress of a training; what derives from it says nothing of what it leaves out."""

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """Training of `total` steps begins, `done` of which an earlier run did."""
        return

    def advance(self, terms: dict[str, float] | None) -> None:
        """One more step is done; now and then with its losses by name."""
        return

    def row(self, row: LogRow) -> None:
        """A row of the log was written."""
        return

    def finish(self) -> None:
        """All steps are done, or training stopped."""
        return

    def say(self, message: str) -> None:
        """Something worth a line of its own."""
        return


class SilentTraining(TrainingReporter):
    """Says nothing."""
