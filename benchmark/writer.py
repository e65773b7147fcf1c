"""Does work in the background in the order in which it was handed in, so that the device need not wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType

__all__ = ["BackgroundWriter"]

Task = Callable[[], None]

_MOST_WAITING = 32
"""Tasks that may wait; whoever hands in more waits too, so that what they hold on to stays bounded."""


class BackgroundWriter:
    """A thread that does tasks one after the other; on leaving the block all of them are done.

    The first task that fails ends the work: those behind it are dropped, and its error is raised at the next
    `do` or on leaving. If the block itself fails, what it had handed in before is still done.
    """

    def __init__(self) -> None:
        self._tasks: queue.Queue[Task | None] = queue.Queue(_MOST_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="raybench-writer", daemon=True)

    def __enter__(self) -> BackgroundWriter:
        self._thread.start()
        return self

    def do(self, task: Task) -> None:
        """Hand in a task; waits while too many are in hand. Raises what an earlier one raised."""
        self._raise()
        self._tasks.put(task)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until all is done."""
        self._tasks.put(None)
        self._thread.join()
        if error is None:
            self._raise()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self._error is None:
                try:
                    task()
                except BaseException as error:
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
