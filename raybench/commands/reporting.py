"""Who is told of the progress of a command: bars in a terminal, lines elsewhere and in a file, or nobody."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from ..base import RaybenchError
from .plain import PlainProgress, PlainTraining
from .progress import ProgressReporter, TrainingBar


class Terminated(KeyboardInterrupt):
    """SIGTERM, such as a scheduler sends before it takes a machine away."""


class Told:
    """Hands the progress of a run or a training on to others, and knows where it stands.

    Attributes:
        leads: whether this process was told anything, as one of several that train together is.
    """

    def __init__(self, *others: Any) -> None:
        """Tell `others`, which may be none."""
        self._others = others
        self._title, self._total, self._done = "", 0, 0
        self.leads = False

    @property
    def where(self) -> str:
        """How far the pass is that was begun last, in words; empty before the first."""
        return f"{self._done} of {self._total} images of {self._title}" if self._title else ""

    def start(self, title: str, total: int, done: int, *images_per_step: int) -> None:
        """A pass over images begins, or a training."""
        self._title, self._total, self._done, self.leads = title, total, done, True
        self._tell("start", title, total, done, *images_per_step)

    def advance(self, done: Any) -> None:
        """So many images are measured, or a step is done, with its losses or None."""
        self._done += done if isinstance(done, int) else 1
        self._tell("advance", done)

    def row(self, row: Any) -> None:
        """A row of a training's log was written."""
        self._tell("row", row)

    def finish(self) -> None:
        """The pass or the training is over."""
        self._tell("finish")

    def say(self, message: str) -> None:
        """Something is worth a line of its own."""
        self._tell("say", message)

    @contextmanager
    def working(self, total: int, label: str) -> Iterator[Callable[[int], None]]:
        """Show how far a method has come; see `raybench.attributions.Bar`."""
        with ExitStack() as stack:
            steps = [stack.enter_context(other.working(total, label)) for other in self._others]

            def advance(count: int) -> None:
                for step in steps:
                    step(count)

            yield advance

    def _tell(self, what: str, *values: Any) -> None:
        for other in self._others:
            getattr(other, what)(*values)


def reporter(*, quiet: bool = False, log_file: Path | None = None) -> Told:
    """Return what draws bars in a terminal and writes lines elsewhere, on standard error.

    Args:
        quiet: say nothing there but mistakes.
        log_file: file to which lines are added as well, each with its time.

    Raises:
        RaybenchError: the file cannot be written.
    """
    return _told(ProgressReporter, PlainProgress, quiet, log_file)


def training_reporter(*, quiet: bool = False, log_file: Path | None = None) -> Told:
    """Return the same for a training; see `reporter`."""
    return _told(TrainingBar, PlainTraining, quiet, log_file)


def _told(bar: Callable[[], Any], lines: Callable[..., Any], quiet: bool, log_file: Path | None) -> Told:
    drawn = [] if quiet else [one for one in [bar()] if one.console.is_terminal]
    writers = [] if quiet or drawn else [lines(_to_stderr)]
    return Told(*drawn, *writers, *([lines(_appender(log_file))] if log_file else []))


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
