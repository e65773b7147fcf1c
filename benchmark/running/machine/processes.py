"""Divides the cores of one machine: processes, by default of one thread each, forked for every pass."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

import torch

from ....base import RaybenchError, keep_freed_memory
from ....checkpoints import Network
from ...loading import end_with_parent
from ...measuring import Outcome, Pass, measure
from ...suite import Settings
from .crew import Counter, Crew, drawn

_ENOUGH = 8
"""Images that make a process of their own worth its start, of a tenth of a second."""


@dataclass(frozen=True)
class Division:
    """How a run uses the cores of a machine.

    Attributes:
        threads: that each process computes with. The last digits of a network's arithmetic depend on it, so
            on a CPU it is one unless the user says otherwise, whatever the machine and the number of
            processes.
        processes: at most so many at once.
        asked: whether the user gave the number; else a pass with few images takes fewer.
    """

    threads: int
    processes: int
    asked: bool = False

    def processes_for(self, images: int) -> int:
        """Number of processes for a pass over so many images."""
        enough = images if self.asked else images // _ENOUGH
        return max(1, min(self.processes, enough))


def divide(settings: Settings, device: torch.device, crew: Crew) -> Division:
    """Decide how a run uses the machine.

    Raises:
        RaybenchError: several processes are asked for where there can be only one.
    """
    cores = torch.get_num_threads()  # what the machine has, OMP_NUM_THREADS and the affinity allow
    asked = settings.processes
    if crew.size > 1 or device.type != "cpu":
        if asked not in (None, 1):
            raise RaybenchError(
                f"--processes {asked} divides the cores of one machine without torchrun; for several GPUs or "
                f"machines run torchrun --nproc-per-node={asked} -m raybench run ... without --processes"
            )
        return Division(settings.threads or (1 if device.type == "cpu" else cores), 1)
    if not _can_fork():
        if asked not in (None, 1):
            raise RaybenchError(
                f"--processes {asked} needs an operating system that forks, such as Linux; here run "
                f"torchrun --nproc-per-node={asked} -m raybench run ... instead"
            )
        return Division(settings.threads or cores, 1)
    threads = settings.threads or 1
    return Division(threads, asked or max(1, cores // threads), asked is not None)


def _can_fork() -> bool:
    """Whether a process can go on as several; macOS offers it, but its libraries do not survive it."""
    return "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"


@contextmanager
def threads_limited(threads: int) -> Iterator[None]:
    """While open, torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def measure_network(
    work: Pass, network: Network | None, division: Division, counter: Counter, advance: Callable[[int], None]
) -> list[Outcome]:
    """Measure this process's images of a pass, alone or with helpers on the other cores.

    Args:
        work: what is to be measured.
        network: the checkpoint, loaded, or None.
        division: how this process may use the machine.
        counter: from which the processes of a crew draw images.
        advance: told of every few images that are on disk.

    Returns:
        What each process noticed.

    Raises:
        RaybenchError: one of them met a mistake or was killed; all others are ended. All rows of images that
            were measured are on disk.
    """
    if not len(work.images):
        return []
    processes = division.processes_for(len(work.images))
    if processes > 1:
        return _measure_in_processes(work, network, processes, advance)
    positions = drawn(counter, len(work.images), work.at_once(network))
    return [measure(work, network, positions, advance)]


def _measure_in_processes(
    work: Pass, network: Network | None, processes: int, advance: Callable[[int], None]
) -> list[Outcome]:
    """Fork processes, each of which takes the next image when free; they share the network's weights."""
    context = multiprocessing.get_context("fork")
    counter = functools.partial(_add, context.Value("q", 0))
    team: dict[Any, BaseProcess] = {}
    try:
        for rank in range(processes):
            receiver, sender = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=_measure_share, args=(work.of_rank(rank), network, counter, sender)
            )
            _start(process)
            sender.close()  # else the end of the process would not end the connection
            team[receiver] = process
        return _outcomes(team, advance)
    finally:
        for process in team.values():
            process.terminate()
        for receiver, process in team.items():
            process.join()
            receiver.close()


def _start(process: BaseProcess) -> None:
    with warnings.catch_warnings():
        # Python warns of forking beside other threads; the child uses none of theirs: it computes with
        # threads of its own, talks to nobody but its parent, and leaves without cleaning up after them
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        # Python runs code of its own around a fork, in which an interrupt would be lost
        waiting = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, waiting)


def _outcomes(team: dict[Any, BaseProcess], advance: Callable[[int], None]) -> list[Outcome]:
    """Listen to all processes until each has handed in its outcome."""
    outcomes: list[Outcome] = []
    open_ones: list[Any] = list(team)
    while open_ones:
        for receiver in cast("list[Any]", wait(open_ones)):
            try:
                kind, content = receiver.recv()
            except (EOFError, OSError):
                raise RaybenchError(_killed(team[receiver], len(team))) from None
            if kind == "images":
                advance(content)
            elif kind == "mistake":
                sentence, trace = content
                raise RaybenchError(sentence) from RuntimeError(f"in a process that measured:\n{trace}")
            elif kind == "crash":
                raise RuntimeError(f"a process that measured has failed:\n{content}")
            else:
                outcomes.append(content)
                open_ones.remove(receiver)
    return outcomes


def _killed(process: BaseProcess, processes: int) -> str:
    process.join()
    code = process.exitcode or 0
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return (
        f"one of the {processes} processes that measured {how}, perhaps for want of memory; what was "
        "measured so far is kept: run again to go on, or with a smaller --processes"
    )


def _add(total: Any, amount: int) -> int:
    """Add to multiprocessing's synchronised integer and return the new total."""
    with total.get_lock():
        total.value += amount
        return int(total.value)


def _measure_share(work: Pass, network: Network | None, counter: Counter, sender: Any) -> None:
    """Measure images until none is left, and tell the parent about it. Runs in a forked process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears of it too, and ends this process
    end_with_parent()
    keep_freed_memory()
    torch.set_num_threads(torch.get_num_threads())  # also for libraries that a fork resets
    if torch.get_num_threads() == 1:
        _measure_and_tell(work, network, counter, sender)
    else:
        # the helpers of the thread that forked were left behind, and it would wait for them for ever when it
        # wants to share out its work; a new thread gets helpers of its own
        fresh = threading.Thread(target=_measure_and_tell, args=(work, network, counter, sender), daemon=True)
        fresh.start()
        fresh.join()
    sender.close()


def _measure_and_tell(work: Pass, network: Network | None, counter: Counter, sender: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        try:
            positions = drawn(counter, len(work.images), work.at_once(network))
            outcome = measure(work, network, positions, lambda images: sender.send(("images", images)))
            sender.send(("outcome", outcome))
        except RaybenchError as error:
            sender.send(("mistake", (str(error), traceback.format_exc())))
        except Exception:
            sender.send(("crash", traceback.format_exc()))
