"""Draws the progress of a run or a training in the terminal, on standard error."""

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

_WORTH_A_BAR = 20
"""Steps from which on work on a single image is shown by a bar of its own."""


class _Rate(ProgressColumn):
    """Images, or passes through a network, per second; `per_step` of them in each step of the task."""

    def render(self, task: Task) -> Text:
        speed = (task.finished_speed or task.speed or 0.0) * task.fields.get("per_step", 1)
        return Text(f"{speed:.1f} {task.fields.get('unit', 'images')}/s" if speed else "", style="cyan")


class ProgressReporter:
    """A bar per checkpoint with images per second and time left; see `running.Reporter`."""

    def __init__(self) -> None:
        """Draw on standard error, so that standard output holds results only."""
        self.console = Console(stderr=True)
        self._progress: Progress | None = None

    def start(self, title: str, total: int, done: int) -> None:
        """Begin a bar for what is left."""
        if done == total:
            self.say(f"{title}: all {total} images are measured")
            return
        if done:
            self.say(f"{title}: {done} of {total} images are measured already; going on")
        self._progress = Progress(*_columns(), console=self.console)
        self._task = self._progress.add_task(title, total=total - done)
        self._progress.start()

    def advance(self, images: int) -> None:
        """Move the bar."""
        if self._progress:
            self._progress.advance(self._task, images)

    def finish(self) -> None:
        """Leave the bar as it is."""
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
        """Print a line above the bar."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)


class TrainingBar:
    """A bar with images per second and time left, below it losses and accuracy or F1.

    See `raybench.training.TrainingReporter`.
    """

    def __init__(self) -> None:
        """Draw on standard error."""
        self.console = Console(stderr=True)
        self._live: Live | None = None
        self._measured = ""

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """Begin the bar."""
        if done:
            self.say(f"{title}: {done} of {total} steps are done already; going on")
        self._progress = Progress(*_columns(width=20))
        self._progress.add_task(title, total=total, completed=done, per_step=images_per_step)
        self._below = Text(no_wrap=True, overflow="ellipsis")
        self._live = Live(Group(self._progress, self._below), console=self.console)
        self._live.start()

    def advance(self, terms: dict[str, float] | None) -> None:
        """Move the bar, and show the losses."""
        if self._live is None:
            return
        self._progress.advance(self._progress.task_ids[0])
        if terms is not None:
            words = [f"{name} {value:.4g}" for name, value in terms.items()]
            self._below.plain = "  ".join([*words, self._measured])

    def row(self, row: LogRow) -> None:
        """Print what was measured after an epoch."""
        if row.measured:
            self._measured = "  ".join(measured_words(row))
            self.say(sentence_of(row))

    def finish(self) -> None:
        """Leave the bar as it is."""
        if self._live:
            self._live.stop()
            self._live = None

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)


def _columns(width: int | None = 40) -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("[bold]{task.description}"),
        BarColumn(width),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )


def measured_words(row: LogRow) -> list[str]:
    """Word what was measured after an epoch."""
    from ..benchmark.metrics import METRICS

    return [f"{METRICS.get(name).label} {value:.1f}" for name, value in row.measured.items()]


def sentence_of(row: LogRow) -> str:
    """Word a row of the log."""
    consistency = f"consistency {row.consistency:.6f}, " if row.consistency else ""
    return (
        f"epoch {row.epoch:.4g}: classification {row.classification:.4f}, {consistency}"
        f"{', '.join(measured_words(row))}, {row.images_per_second:.1f} images/s"
    )
