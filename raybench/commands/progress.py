"""Draws the progress of a run in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["ProgressReporter"]


class _Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} images/s" if speed else "", style="cyan")


class ProgressReporter:
    """A bar per checkpoint with images per second and time left, on standard error."""

    def __init__(self) -> None:
        """Draw on standard error, so that standard output holds results only."""
        self.console = Console(stderr=True)
        self._progress: Progress | None = None

    def start(self, title: str, total: int, done: int) -> None:
        """See `raybench.benchmark.running.progress.Reporter.start`."""
        if done == total:
            self.say(f"{title}: all {total} images are measured")
            return
        if done:
            self.say(f"{title}: {done} of {total} images are measured already; going on")
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._task = self._progress.add_task(title, total=total - done)
        self._progress.start()

    def advance(self, images: int) -> None:
        """See `raybench.benchmark.running.progress.Reporter.advance`."""
        if self._progress:
            self._progress.advance(self._task, images)

    def finish(self) -> None:
        """See `raybench.benchmark.running.progress.Reporter.finish`."""
        if self._progress:
            self._progress.stop()
            self._progress = None

    def say(self, message: str) -> None:
        """See `raybench.benchmark.running.progress.Reporter.say`."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)
