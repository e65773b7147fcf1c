"""The processes that torchrun started for one run: what they agree on, and how they share out the images."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar, cast

import torch
import torch.distributed

from ....base import RaybenchError, ToldElsewhereError
from ...loading import end_with_launcher

T = TypeVar("T")

_PATIENCE = timedelta(days=7)
"""How long a process waits for the slowest one. One that dies is noticed at once: its connection closes."""

_RUNS = itertools.count()


Counter = Callable[[int], int]
"""Adds to a number that several processes see and returns the new total; no two that add get the same."""


class Store(Protocol):
    """What is used of torchrun's key-value store: numbers that all processes see."""

    def add(self, key: str, amount: int, /) -> int:
        """Add to the number under `key`, at first 0, and return the new total."""


def drawn(counter: Counter, total: int, at_once: int) -> Iterator[int]:
    """Yield numbers below `total` that no other process draws from the same counter.

    Each process takes the next `at_once` when it is done with the last, so that all finish together, whatever
    the images' sizes and the processes' speeds.
    """
    while (start := counter(at_once) - at_once) < total:
        yield from range(start, min(start + at_once, total))


def leads() -> bool:
    """Whether this is the process of its run that talks to the user."""
    return os.environ.get("RANK", "0") == "0"


def was_restarted() -> bool:
    """Whether torchrun has started the processes again, after one of them had died (`--max-restarts`)."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


@dataclass(frozen=True)
class Crew:
    """The processes of one run, seen by one of them; a crew of one needs no `store`.

    What they tell each other is a few hundred bytes a pass, so it goes by gloo and torchrun's own store over
    the network, also where each process has a GPU: nothing of it would gain by NCCL.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    store: Store | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes what all share, and talks to the user."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """Return the device of this process: with `auto` or `cuda`, one GPU for each process of a machine."""
        if self.size == 1 or name not in ("auto", "cuda") or not torch.cuda.is_available():
            return name
        if self.local_size > torch.cuda.device_count():
            raise RaybenchError(
                f"torchrun started {self.local_size} processes, but there are {torch.cuda.device_count()} "
                f"GPUs: give --nproc-per-node={torch.cuda.device_count()}"
            )
        return f"cuda:{self.local_rank}"

    def gather(self, item: T) -> list[T]:
        """Return what each process gave, by rank.

        Raises:
            ToldElsewhereError: a process has died.
        """
        if self.size == 1:
            return [item]
        found: list[T | None] = [None] * self.size
        try:
            torch.distributed.all_gather_object(found, item)
        except RuntimeError:
            raise ToldElsewhereError("another process of this run has ended") from None
        return cast("list[T]", found)

    def agree(self, work: Callable[[], T]) -> T:
        """Do `work` in every process, in one of each machine first: it may download or generate files.

        Raises:
            RaybenchError: it failed in this process.
            ToldElsewhereError: it failed in another one.
        """
        if self.size == 1:
            return work()
        first = _attempt(work) if self.local_rank == 0 else None
        self._refuse(first)
        done = first or _attempt(work)
        self._refuse(done)
        assert done.result is not None
        return cast("T", done.result[0])

    def lead(self, work: Callable[[], T]) -> T:
        """Do `work` in the leading process alone and return its result in all; raises as `agree` does."""
        if self.size == 1:
            return work()
        done = _attempt(work) if self.leads else None
        self._refuse(done)
        results = [done.result if done else None]
        try:
            torch.distributed.broadcast_object_list(results, src=0)
        except RuntimeError:
            raise ToldElsewhereError("another process of this run has ended") from None
        assert results[0] is not None
        return cast("T", results[0][0])

    def counter(self, name: str) -> Counter:
        """Return the crew's counter of that name, at first 0; it raises as `gather` does."""
        if self.store is not None:
            return functools.partial(self._add, self.store, name)
        totals = {name: 0}

        def add(amount: int) -> int:
            totals[name] += amount
            return totals[name]

        return add

    @staticmethod
    def _add(store: Store, name: str, amount: int) -> int:
        try:
            return store.add(name, amount)
        except RuntimeError:  # the store lives in the leading process, and ends with it
            raise ToldElsewhereError("another process of this run has ended") from None

    def _refuse(self, done: _Attempt | None) -> None:
        """Raise in all processes if any attempt failed, the first one's error where it happened."""
        errors = self.gather((done.error if done else None,))
        failed = [rank for rank, (error,) in enumerate(errors) if error]
        if failed and self.rank == failed[0] and done and done.error:
            raise RaybenchError(done.error)
        if failed:
            raise ToldElsewhereError(errors[failed[0]][0])


@dataclass
class _Attempt:
    """What came of some work: a result in a tuple of one, or the sentence of a `RaybenchError`."""

    result: tuple[Any] | None = None
    error: str | None = None


def _attempt(work: Callable[[], T]) -> _Attempt:
    try:
        return _Attempt(result=(work(),))
    except RaybenchError as error:
        return _Attempt(error=str(error))


@contextmanager
def joined_crew() -> Iterator[Crew]:
    """Join the processes that torchrun started, or go alone."""
    size = int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1
    if size == 1 or not torch.distributed.is_available() or torch.distributed.is_initialized():
        yield Crew()
        return
    from torch.distributed.rendezvous import rendezvous

    end_with_launcher()
    store, rank, size = next(rendezvous("env://", timeout=_PATIENCE))
    # each run of this process has counters and a group of its own
    store = torch.distributed.PrefixStore(f"raybench/{next(_RUNS)}", store)  # type: ignore[attr-defined]
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    local_rank = int(os.environ.get("LOCAL_RANK", rank))
    try:
        yield Crew(rank, size, local_rank, int(os.environ.get("LOCAL_WORLD_SIZE", size)), store)
    finally:
        torch.distributed.destroy_process_group()
