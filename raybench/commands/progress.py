"""Draws the progress of a run, or of a training, in the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
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

if TYPE_CHECKING:
    from ..training import LogRow

__all__ = ["ProgressReporter", "TrainingProgress"]


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


class TrainingProgress:
    """A bar with images per second and time left, and below it losses and accuracy or F1, on standard error.

    Attributes:
        leads: whether this process was told anything, as one of several is.
    """

    def __init__(self) -> None:
        """Draw on standard error."""
        self.console = Console(stderr=True)
        self.leads = False
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._measured = ""

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """See `raybench.training.TrainingReporter.start`."""
        self.leads = True
        if done:
            self.say(f"{title}: {done} of {total} steps are done already; going on")
        self._images_per_step = images_per_step
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("[cyan]{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task(title, total=total, completed=done, speed="")
        self._below = Text(no_wrap=True, overflow="ellipsis")
        self._live = Live(Group(self._progress, self._below), console=self.console)
        self._live.start()

    def advance(self, terms: dict[str, float] | None) -> None:
        """See `raybench.training.TrainingReporter.advance`."""
        if self._progress is None:
            return
        self._progress.advance(self._task)
        if terms is not None:
            words = [f"{name} {value:.4g}" for name, value in terms.items()]
            self._below.plain = "  ".join([*words, self._measured])
            speed = self._progress.tasks[0].speed
            self._progress.update(
                self._task, speed=f"{speed * self._images_per_step:.1f} images/s" if speed else ""
            )

    def row(self, row: LogRow) -> None:
        """See `raybench.training.TrainingReporter.row`."""
        if not row.measured:
            return
        from ..benchmark.metrics import METRICS

        measured = [f"{METRICS.get(name).label} {value:.1f}" for name, value in row.measured.items()]
        self._measured = "  ".join(measured)
        consistency = f"consistency {row.consistency:.6f}, " if row.consistency else ""
        self.say(
            f"epoch {row.epoch:.4g}: classification {row.classification:.4f}, {consistency}"
            f"{', '.join(measured)}, {row.images_per_second:.1f} images/s"
        )

    def finish(self) -> None:
        """See `raybench.training.TrainingReporter.finish`."""
        if self._live:
            self._live.stop()
            if not self.console.is_interactive:
                self.console.print()  # rich leaves the last line open there
            self._live = self._progress = None

    def say(self, message: str) -> None:
        """See `raybench.training.TrainingReporter.say`."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)
