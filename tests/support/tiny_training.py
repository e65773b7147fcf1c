"""A recipe small enough to train in a second, and the command that trains by it in processes of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from commands_running import RunningCommand, start_command

from raybench.base.documents import document_from
from raybench.training import Recipe, SilentTraining

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


class Listening(SilentTraining):
    """Keeps what a training says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)


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


def start_training(
    *words: object, said: Path, processes: int = 1, largest_file: int | None = None
) -> RunningCommand:
    """Begin `raybench train WORDS --device cpu`; see `start_command`."""
    return start_command(
        "train", *words, "--device", "cpu", said=said, processes=processes, largest_file=largest_file
    )
