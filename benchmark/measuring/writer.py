"""Does work in the background in the order in which it was handed in, so that the device need not wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

Task = Callable[[], None]

_MOST_WAITING = 4
"""Batches of tasks that may wait; whoever hands in more waits too, so that what they hold stays bounded."""


class BackgroundWriter:
    """A thread that does tasks one after the other; on leaving the block all of them are done.

    The first task that fails ends the work: those behind it are dropped, and its error is raised at the next
    `do` or on leaving. If the block itself fails, what it had handed in before is still done.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[Sequence[Task] | None] = queue.Queue(_MOST_WAITING)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> BackgroundWriter:
        return self

    def do(self, tasks: Sequence[Task]) -> None:
        """Hand in tasks; waits while too many are in hand. Raises what an earlier one raised."""
        self._raise()
        if self._thread is None:  # not before: processes that read pictures are forked first
            self._thread = threading.Thread(target=self._work, name="raybench-writer", daemon=True)
            self._thread.start()
        self._waiting.put(tasks)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until all is done; who is interrupted again meanwhile gives up what still waits."""
        if self._thread is not None:
            try:
                self._finish(self._thread)
            except KeyboardInterrupt as again:
                self._error = again
                self._finish(self._thread)
                raise
        if error is None:
            self._raise()

    def _finish(self, thread: threading.Thread) -> None:
        if thread.is_alive():
            self._waiting.put(None)
        thread.join()

    def _work(self) -> None:
        while (tasks := self._waiting.get()) is not None:
            for task in tasks:
                if self._error is None:
                    try:
                        task()
                    except BaseException as error:
                        self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
