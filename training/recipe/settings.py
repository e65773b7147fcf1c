"""How a recipe is followed: where the data is, where the result goes, on which device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """How a recipe is followed; none of it changes the weights on one machine.

    Attributes:
        out: folder of the log, the states and the result.
        data: folders by dataset name (and `weights`); others are looked for under $RAYBENCH_DATA.
        device: `auto`, `cpu`, `cuda` or `cuda:1`.
        resume: go on from the last state in `out`, if there is one.
        steps: stop after so many steps in all; the learning rate falls as if training went on.
        workers: loader processes of each process; None for a number that fits the machine.
        trust_code: let the recipe name a function of any installed package as its architecture.
    """

    out: Path
    data: Mapping[str, Path] = field(default_factory=dict)
    device: str = "auto"
    resume: bool = False
    steps: int | None = None
    workers: int | None = None
    trust_code: bool = False
