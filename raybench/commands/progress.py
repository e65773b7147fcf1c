"""Draws the progress of a run in the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


_WORTH_A_BAR = 20
"""Steps from which on work on a single image is shown by a bar of its own."""


class _Rate(ProgressColumn):
    """Images, or passes through a network, per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {task.fields.get('unit', 'images')}/s" if speed else "", style="cyan")


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
        self._progress = Progress(*_columns(), console=self.console)
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

    @contextmanager
    def working(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """Show how far a method has come that asks a network many times; see `raybench.attributions.Bar`."""
        if total < _WORTH_A_BAR:
            yield lambda steps: None
            return
        with contextlib.ExitStack() as stack:
            progress = self._progress
            if progress is None:
                progress = stack.enter_context(Progress(*_columns(), console=self.console, transient=True))
            task = progress.add_task(f"  {label}", total=total, unit="passes")
            stack.callback(progress.remove_task, task)
            yield lambda steps: progress.advance(task, steps)

    def say(self, message: str) -> None:
        """See `raybench.benchmark.running.progress.Reporter.say`."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
