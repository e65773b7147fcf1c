"""Tells the progress of a run or a training where no terminal draws bars: lines for logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..base import worded_time
from .progress import sentence_of

if TYPE_CHECKING:
    from ..training import LogRow

EVERY_S = 30.0


class _PlainLines:
    """Lines for logs: whatever is said, and of what goes on not more than one every half a minute."""

    def __init__(
        self,
        write: Callable[[str], None],
        every: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Hand lines to `write`, `every` so many seconds by `clock`."""
        self._write, self._every, self._clock = write, every, clock
        self._title, self._total, self._done, self._before = "", 0, 0, 0

    def say(self, message: str) -> None:
        """Write what a run or a training says."""
        self._write(message)

    def _begin(self, title: str, total: int, done: int) -> None:
        self._title, self._total, self._done, self._before = title, total, done, done
        self._began = self._told = self._clock()

    def _is_due(self) -> bool:
        """Whether it is time for a line on how far things are; then the next one is that much later."""
        due = self._clock() - self._told >= self._every
        if due:
            self._told = self._clock()
        return due

    def _speed(self) -> float:
        """How many a second were done since the beginning."""
        return (self._done - self._before) / max(self._clock() - self._began, 1e-9)

    def _left(self) -> str:
        """Word the time that is left; empty at the end, or if nothing was done that tells."""
        speed = self._speed()
        if self._done >= self._total or not speed:
            return ""
        return f", {worded_time((self._total - self._done) / speed)} left"


class PlainProgress(_PlainLines):
    """A line per checkpoint, one every half a minute; see `raybench.benchmark.running.Reporter`."""

    def start(self, title: str, total: int, done: int) -> None:
        """Say what is measured."""
        self._begin(title, total, done)
        going_on = f": {done} of {total} images are measured{'' if done == total else ', going on'}"
        self._write(f"{title}{going_on if done else f': {total} images'}")

    def advance(self, images: int) -> None:
        """Say how far things are, if it is time."""
        self._done += images
        if self._is_due():
            self._tell()

    def finish(self) -> None:
        """Say how far things are."""
        if self._done > self._before:
            self._tell()

    @contextmanager
    def working(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """Tell how far a method has come that asks a network many times; see `raybench.attributions.Bar`."""
        done, told = 0, self._clock()

        def advance(steps: int) -> None:
            nonlocal done, told
            done += steps
            if self._clock() - told >= self._every and done < total:
                told = self._clock()
                self._write(f"{label}: {done} of {total} passes")

        yield advance

    def _tell(self) -> None:
        speed = self._speed()
        rate = f"{speed:.3g} images/s" if speed >= 1 or not speed else f"{1 / speed:.3g} s per image"
        self._write(f"{self._title} {self._done}/{self._total} images, {rate}{self._left()}")


class PlainTraining(_PlainLines):
    """A line per epoch, one every half a minute; see `raybench.training.TrainingReporter`."""

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """Say what is trained."""
        self._begin(title, total, done)
        self._images_per_step = images_per_step
        self._terms: dict[str, float] = {}
        self._write(
            f"{title}: {done} of {total} steps are done already; going on"
            if done
            else f"{title}: {total} steps"
        )

    def advance(self, terms: dict[str, float] | None) -> None:
        """Say how far things are, if it is time, with the last losses."""
        self._done += 1
        self._terms = terms or self._terms
        if self._is_due():
            losses = "".join(f", {name} {value:.4g}" for name, value in self._terms.items())
            speed = self._speed() * self._images_per_step
            self._write(
                f"{self._title} {self._done}/{self._total} steps, {speed:.3g} images/s{self._left()}{losses}"
            )

    def row(self, row: LogRow) -> None:
        """Say what was measured after an epoch."""
        if row.measured:
            self._write(f"{sentence_of(row)}{self._left()}")

    def finish(self) -> None:
        """Say nothing: the last row has said it."""
