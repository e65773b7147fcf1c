"""Tells the progress of a run where no terminal draws bars: lines for logs, or none at all."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType

from ..base import RaybenchError, worded_time
from .progress import ProgressReporter

__all__ = [
    "PlainLines",
    "PlainProgress",
    "Terminated",
    "Told",
    "ended_by_signal",
    "line_writers",
    "reporter",
    "worded_time",
]

EVERY_S = 30.0


class Terminated(KeyboardInterrupt):
    """SIGTERM, such as a scheduler sends before it takes a machine away."""


class PlainLines:
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


class PlainProgress(PlainLines):
    """A line per checkpoint, one every half a minute, and whatever a run says."""

    def start(self, title: str, total: int, done: int) -> None:
        """See `raybench.benchmark.running.progress.Reporter.start`."""
        self._begin(title, total, done)
        self._write(f"{title}: {done} of {total} images are measured{'' if done == total else ', going on'}")

    def advance(self, images: int) -> None:
        """See `raybench.benchmark.running.progress.Reporter.advance`."""
        self._done += images
        if self._is_due():
            self._write(self._line())

    def finish(self) -> None:
        """See `raybench.benchmark.running.progress.Reporter.finish`."""
        if self._done > self._before:
            self._write(self._line())

    @contextmanager
    def working(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """Tell how far a method has come that asks a network many times; see `raybench.attributions.Bar`."""
        done, told = 0, self._clock()

        def advance(steps: int) -> None:
            nonlocal done, told
            done += steps
            if self._clock() - told >= self._every:
                told = self._clock()
                self._write(f"{label}: {done} of {total} passes")

        yield advance

    def _line(self) -> str:
        speed = self._speed()
        left = (self._total - self._done) / speed if speed else 0.0
        ends = f", {worded_time(left)} left" if self._done < self._total else ""
        return f"{self._title} {self._done}/{self._total} images, {speed:.3g} images/s{ends}"


class Told:
    """Hands the progress of a run on to others, and knows where it stands."""

    def __init__(self, *others: ProgressReporter | PlainProgress) -> None:
        """Tell `others`, which may be none."""
        self._others = others
        self._title, self._total, self._done = "", 0, 0

    @property
    def where(self) -> str:
        """How far the pass is that was begun last, in words; empty before the first."""
        return f"{self._done} of {self._total} images of {self._title}" if self._title else ""

    def start(self, title: str, total: int, done: int) -> None:
        """See `raybench.benchmark.running.progress.Reporter.start`."""
        self._title, self._total, self._done = title, total, done
        for other in self._others:
            other.start(title, total, done)

    def advance(self, images: int) -> None:
        """See `raybench.benchmark.running.progress.Reporter.advance`."""
        self._done += images
        for other in self._others:
            other.advance(images)

    def finish(self) -> None:
        """See `raybench.benchmark.running.progress.Reporter.finish`."""
        for other in self._others:
            other.finish()

    def say(self, message: str) -> None:
        """See `raybench.benchmark.running.progress.Reporter.say`."""
        for other in self._others:
            other.say(message)

    @contextmanager
    def working(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """Show how far a method has come; see `raybench.attributions.Bar`."""
        with ExitStack() as stack:
            steps = [stack.enter_context(other.working(total, label)) for other in self._others]

            def advance(count: int) -> None:
                for step in steps:
                    step(count)

            yield advance


def reporter(*, quiet: bool = False, log_file: Path | None = None) -> Told:
    """Return what draws bars in a terminal and writes lines elsewhere, on standard error.

    Args:
        quiet: say nothing there but mistakes.
        log_file: file to which lines are added as well, each with its time.

    Raises:
        RaybenchError: the file cannot be written.
    """
    others: list[ProgressReporter | PlainProgress] = []
    if not quiet and (bars := ProgressReporter()).console.is_terminal:
        others, quiet = [bars], True
    return Told(*others, *map(PlainProgress, line_writers(quiet=quiet, log_file=log_file)))


def line_writers(*, quiet: bool, log_file: Path | None) -> list[Callable[[str], None]]:
    """Return what writes a line: to standard error unless `quiet`, and to a file; see `reporter`."""
    return [*([] if quiet else [_to_stderr]), *([_appender(log_file)] if log_file else [])]


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """While open, SIGTERM raises `Terminated`, so that a run ends as by Ctrl-C; not below torchrun."""
    owner = os.getpid()

    def end(_number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a helper, forked meanwhile
            os._exit(128 + signal.SIGTERM)
        raise Terminated

    try:
        before = None if "TORCHELASTIC_RUN_ID" in os.environ else signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread, as in a server or a notebook's helper
        before = None
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _appender(path: Path) -> Callable[[str], None]:
    """Return what adds lines with their time to a file, which it opens for each: they are few."""

    def write(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now().isoformat(timespec='seconds')} {line}\n")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise RaybenchError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None
    return write


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
