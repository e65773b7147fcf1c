"""Tells the progress of a training: a bar in a terminal, lines elsewhere, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from .plain import PlainLines, line_writers, worded_time

if TYPE_CHECKING:
    from ..training import LogRow, TrainingReporter

__all__ = ["PlainTraining", "TrainingTold", "training_reporter"]


def training_reporter(*, quiet: bool = False, log_file: Path | None = None) -> TrainingTold:
    """Return what draws a bar in a terminal and writes lines elsewhere; arguments as for `plain.reporter`."""
    drawn = not quiet and Console(stderr=True).is_terminal
    lines = [PlainTraining(write) for write in line_writers(quiet=quiet or drawn, log_file=log_file)]
    return TrainingTold(*([TrainingBar()] if drawn else []), *lines)


class TrainingTold:
    """Hands the progress of a training on to others.

    Attributes:
        leads: whether this process was told anything, as one of several is.
    """

    def __init__(self, *others: TrainingReporter) -> None:
        """Tell `others`, which may be none."""
        self._others = others
        self.leads = False

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """See `raybench.training.TrainingReporter.start`."""
        self.leads = True
        for other in self._others:
            other.start(title, total, done, images_per_step)

    def advance(self, terms: dict[str, float] | None) -> None:
        """See `raybench.training.TrainingReporter.advance`."""
        for other in self._others:
            other.advance(terms)

    def row(self, row: LogRow) -> None:
        """See `raybench.training.TrainingReporter.row`."""
        for other in self._others:
            other.row(row)

    def finish(self) -> None:
        """See `raybench.training.TrainingReporter.finish`."""
        for other in self._others:
            other.finish()

    def say(self, message: str) -> None:
        """See `raybench.training.TrainingReporter.say`."""
        for other in self._others:
            other.say(message)


class PlainTraining(PlainLines):
    """A line per epoch, one every half a minute, and whatever a training says."""

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """See `raybench.training.TrainingReporter.start`."""
        self._begin(title, total, done)
        self._images_per_step = images_per_step
        self._terms: dict[str, float] = {}
        self._write(
            f"{title}: {done} of {total} steps are done already; going on"
            if done
            else f"{title}: {total} steps"
        )

    def advance(self, terms: dict[str, float] | None) -> None:
        """See `raybench.training.TrainingReporter.advance`."""
        self._done += 1
        self._terms = terms or self._terms
        if self._is_due():
            losses = "".join(f", {name} {value:.4g}" for name, value in self._terms.items())
            speed = self._speed() * self._images_per_step
            self._write(
                f"{self._title} {self._done}/{self._total} steps, {speed:.3g} images/s{self._left()}{losses}"
            )

    def row(self, row: LogRow) -> None:
        """See `raybench.training.TrainingReporter.row`."""
        if row.measured:
            self._write(f"{_sentence(row)}{self._left()}")

    def finish(self) -> None:
        """See `raybench.training.TrainingReporter.finish`."""

    def _left(self) -> str:
        """Word the time that is left, validation and all, as far as the steps of this run tell."""
        done = self._done - self._before
        if not done or self._done >= self._total:
            return ""
        return f", {worded_time((self._total - self._done) * (self._clock() - self._began) / done)} left"


def _sentence(row: LogRow) -> str:
    from ..benchmark.metrics import METRICS

    measured = [f"{METRICS.get(name).label} {value:.1f}" for name, value in row.measured.items()]
    consistency = f"consistency {row.consistency:.6f}, " if row.consistency else ""
    return (
        f"epoch {row.epoch:.4g}: classification {row.classification:.4f}, {consistency}"
        f"{', '.join(measured)}, {row.images_per_second:.1f} images/s"
    )


class TrainingBar:
    """A bar with images per second and time left, below it losses and accuracy or F1, on standard error."""

    def __init__(self) -> None:
        """Draw on standard error."""
        self.console = Console(stderr=True)
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._measured = ""

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """See `raybench.training.TrainingReporter.start`."""
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
        self.say(_sentence(row))

    def finish(self) -> None:
        """See `raybench.training.TrainingReporter.finish`."""
        if self._live:
            self._live.stop()
            self._live = self._progress = None

    def say(self, message: str) -> None:
        """See `raybench.training.TrainingReporter.say`."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)
