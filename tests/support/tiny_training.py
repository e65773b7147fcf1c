"""A recipe small enough to train in a second, and the command that trains by it in processes of its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from raybench.base.documents import document_from
from raybench.training import Recipe

TINY: dict[str, Any] = {
    "name": "tiny",
    "architecture": "raybench.checkpoints.shapes_net:shapes_net",
    "classes": "shapes12",
    "consistency_weight": 25,
    "train": {"images": 32, "seed": 1},
    "validation": {"images": 4, "seed": 2},
    "short_side": 40,
    "crop": 32,
    "optimisation": {"epochs": 2, "batch_size": 16, "learning_rate": 0.05},
}


def tiny_recipe(**changes: Any) -> Recipe:
    """The tiny recipe with some keys changed; those of `optimisation` by their own names."""
    inner = {key: changes.pop(key) for key in ("epochs", "batch_size", "learning_rate") if key in changes}
    optimisation = {**TINY["optimisation"], **inner}
    return document_from({**TINY, "optimisation": optimisation, **changes}, Recipe, "tiny")


def write_recipe(folder: Path, **changes: Any) -> Path:
    """Write the tiny recipe as tiny.yaml."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_recipe(**changes).model_dump(mode="json", exclude_unset=True)))
    return path


@dataclass
class RunningTraining:
    """`raybench train` in one or several processes of its own, and where they write what they say.

    Processes are forked from one that has imported everything, which saves seconds per training.
    """

    processes: list[multiprocessing.process.BaseProcess]
    said: Path

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


def start_training(
    *words: object, said: Path, processes: int = 1, largest_file: int | None = None
) -> RunningTraining:
    """Begin `raybench train WORDS --device cpu` on one thread.

    Args:
        words: of the command.
        said: file for what it writes to standard output and error.
        processes: how many train together; they find each other as those of torchrun do.
        largest_file: in bytes, as on a disk that has little space left.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["raybench.training", "raybench.commands", "lightning_fabric"])
    said.write_text("")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    children: list[multiprocessing.process.BaseProcess] = []
    for rank in range(processes):
        place = _place(rank, processes, port) if processes > 1 else {}
        arguments = (list(map(str, words)), said, place, largest_file)
        children.append(context.Process(target=_train, args=arguments))
        children[-1].start()
    return RunningTraining(children, said)


def _place(rank: int, processes: int, port: int) -> dict[str, str]:
    """What torchrun tells a process on one machine."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    numbers |= {"GROUP_RANK": 0, "MASTER_PORT": port}
    words = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "test"}
    return {**words, **{key: str(number) for key, number in numbers.items()}}


def _train(words: list[str], said: Path, place: dict[str, str], largest_file: int | None) -> None:
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
    sys.argv = ["raybench", "train", *words, "--device", "cpu"]
    main()
