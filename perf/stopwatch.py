"""Times the stages of a run by wrapping the functions that do them, without a profiler's cost per call.

A stage inside another is charged to itself alone. Functions are found by name and replaced wherever raybench
has imported them, until the watch is closed.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest import mock

__all__ = ["Stopwatch", "watched"]


class Stopwatch:
    """Seconds by stage, in the thread that made it and in all others."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.beside: dict[str, float] = defaultdict(float)
        self._thread = threading.get_ident()
        self._local = threading.local()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge what happens inside to a stage, less the stages inside it."""
        self.start(name)
        try:
            yield
        finally:
            self.stop()

    def start(self, name: str) -> None:
        """Begin a stage; the one at work, if any, pauses."""
        stack = self._stack
        self._charge(stack)
        stack.append(name)
        self._local.since = time.perf_counter()

    def stop(self) -> None:
        """End the stage that began last; the one around it goes on."""
        stack = self._stack
        self._charge(stack)
        stack.pop()
        self._local.since = time.perf_counter()

    @property
    def _stack(self) -> list[str]:
        if not hasattr(self._local, "stack"):
            self._local.stack = []
        stack: list[str] = self._local.stack
        return stack

    def _charge(self, stack: Sequence[str]) -> None:
        if stack:
            seconds = self.seconds if threading.get_ident() == self._thread else self.beside
            seconds[stack[-1]] += time.perf_counter() - self._local.since

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its calls timed; of a generator, the steps."""
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
                with self.stage(name):
                    iterator = iter(function(*args, **kwargs))
                while True:
                    with self.stage(name):
                        try:
                            value = next(iterator)
                        except StopIteration:
                            return
                    yield value

            return steps

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return function(*args, **kwargs)

        return call


@contextmanager
def watched(stages: Mapping[str, Sequence[str]], watch: Stopwatch) -> Iterator[list[str]]:
    """Time functions while open.

    Args:
        stages: by stage, functions (`raybench.benchmark.results.rows:RowStore.append`).
        watch: gathers the seconds.

    Yields:
        The names that this version of raybench does not have.
    """
    missing = []
    with ExitStack() as stack:
        for stage, names in stages.items():
            for name in names:
                try:
                    for patch in _patches(name, stage, watch):
                        stack.enter_context(patch)
                except (ImportError, AttributeError):
                    missing.append(name)
        yield missing


def _patches(name: str, stage: str, watch: Stopwatch) -> list[Any]:
    """Replace a method in its class, or a function in its module and wherever raybench holds it."""
    module_name, _, path = name.partition(":")
    module = import_module(module_name)
    owner, _, last = path.rpartition(".")
    if owner:
        holder = getattr(module, owner)
        return [mock.patch.object(holder, last, watch.around(stage, vars(holder)[last]))]
    function = getattr(module, last)
    timed = watch.around(stage, function)
    holders = [
        (other, key)
        for other_name, other in list(sys.modules.items())
        if other_name == module_name or other_name.startswith("raybench")
        for key, value in list(vars(other).items())
        if value is function
    ]
    return [mock.patch.object(other, key, timed) for other, key in holders]
