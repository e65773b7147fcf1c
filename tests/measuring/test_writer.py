"""The background writer: order, errors, and that nothing is lost."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from raybench.benchmark.measuring.writer import BackgroundWriter


def test_tasks_are_done_in_order_by_another_thread() -> None:
    done: list[tuple[int, int]] = []
    with BackgroundWriter() as writer:
        for number in range(200):
            writer.do([lambda number=number: done.append((number, threading.get_ident()))])
    assert [number for number, _ in done] == list(range(200))
    assert {thread for _, thread in done} != {threading.get_ident()}


def test_an_error_is_raised_to_whoever_writes_and_later_tasks_are_dropped() -> None:
    done: list[int] = []

    def fail() -> None:
        raise OSError("no space left on device")

    def write_many() -> None:
        with BackgroundWriter() as writer:
            writer.do([partial(done.append, 1), fail, partial(done.append, 2)])
            for number in range(1000):
                writer.do([partial(done.append, 3 + number)])

    with pytest.raises(OSError, match="no space left"):
        write_many()
    assert done == [1]


def test_a_second_interrupt_gives_up_what_waits_and_lets_go() -> None:
    done: list[int] = []
    begun, interrupted = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert interrupted.wait(60)
        done.append(0)

    class Interrupted(BackgroundWriter):
        def _finish(self, thread: threading.Thread) -> None:
            if not interrupted.is_set():
                assert begun.wait(60)
                interrupted.set()
                raise KeyboardInterrupt
            super()._finish(thread)

    def stop_twice() -> None:
        with Interrupted() as writer:
            writer.do([slow])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_twice()
    assert done == [0]  # the task at work is finished before anything is closed


def test_what_was_handed_in_before_the_block_failed_is_done() -> None:
    done: list[int] = []

    def fail_in_the_middle() -> None:
        with BackgroundWriter() as writer:
            for number in range(20):
                writer.do([partial(done.append, number)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_in_the_middle()
    assert done == list(range(20))
