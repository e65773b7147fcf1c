"""Commands of raybench in processes of their own, forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import resource
import socket
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

_IMPORTED = ["raybench.training", "raybench.benchmark.running", "raybench.commands", "lightning_fabric"]


@dataclass
class RunningCommand:
    """A command in one or several processes of its own, and where they write what they say."""

    processes: list[multiprocessing.process.BaseProcess]
    said: Path
    inherited: Connection
    """The end of a pipe whose other end they hold, and every process that they start."""

    def finish(self, *, code: int = 0) -> str:
        """Wait for it and return what it said; it must exit with this code."""
        for process in self.processes:
            process.join(timeout=120)
        text = self.said.read_text()
        assert [process.exitcode for process in self.processes] == [code] * len(self.processes), text
        return text

    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.processes[0].exitcode is None

    def kill(self) -> None:
        """Kill -9."""
        for process in self.processes:
            process.kill()
        self.finish(code=-9)

    def leaves_nobody_within(self, seconds: float) -> bool:
        """Whether all processes end in time, and all that they started."""
        if not self.inherited.poll(seconds):
            return False
        with pytest.raises(EOFError):
            self.inherited.recv()
        return True


def start_command(
    *words: object, said: Path, processes: int = 1, largest_file: int | None = None
) -> RunningCommand:
    """Begin `raybench WORDS` on one thread; this saves the seconds that importing takes.

    Args:
        words: of the command.
        said: file for what it writes to standard output and error.
        processes: how many work together; they find each other as those of torchrun do.
        largest_file: in bytes, as on a disk that has little space left.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two threads each, on what other tests use as well
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    said.write_text("")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children: list[multiprocessing.process.BaseProcess] = []
    inherited, held = context.Pipe(duplex=False)
    for rank in range(processes):
        place = _place(rank, processes, port) if processes > 1 else {}
        arguments = (list(map(str, words)), said, place, largest_file, held)
        children.append(context.Process(target=_work, args=arguments))
        children[-1].start()
    held.close()
    return RunningCommand(children, said, inherited)


def _place(rank: int, processes: int, port: int) -> dict[str, str]:
    """What torchrun tells a process on one machine."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    numbers |= {"GROUP_RANK": 0, "MASTER_PORT": port}
    words = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "test"}
    return {**words, **{key: str(number) for key, number in numbers.items()}}


def _work(
    words: list[str], said: Path, place: dict[str, str], largest_file: int | None, _held: Connection
) -> None:
    """What a child process does."""
    import torch

    from raybench.__main__ import main

    descriptor = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ |= place
    if largest_file is not None:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (largest_file, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )
    torch.set_num_threads(1)
    sys.argv = ["raybench", *words]
    main()
