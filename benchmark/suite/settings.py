"""How a suite is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...base import RaybenchError

__all__ = ["Settings"]

Compile = Literal["no", "stages", "graphs"]

_LEAST = {"batch_size": 1, "workers": 0, "processes": 1, "threads": 1, "limit": 1}
"""Fields that are integers, and the smallest value of each."""


@dataclass(frozen=True)
class Settings:
    """How a suite is run; only `protocol` changes a number but in the last digits.

    Attributes:
        data: folders by dataset name (and `weights`); others are looked for under $RAYBENCH_DATA.
        out: result folder.
        device: `auto`, `cpu`, `cuda` or `cuda:1`.
        batch_size: images per forward pass on a GPU; a CPU takes them one by one.
        workers: loader processes of each process; None for a number that fits the machine.
        processes: that measure side by side on a CPU; None for one per core where there is enough work. Under
            torchrun its processes measure.
        threads: that each process computes with. On a CPU one by default: another number changes the last
            digits, the number of processes does not.
        limit: measure only the first so many images.
        fresh: measure anew instead of resuming.
        strict: stop at the first image that cannot be used instead of counting it.
        checkpoints: measure these instead of the suite's.
        trust_code: let cards name functions of any installed package as their architecture.
        protocol: fields of the protocol that depart from the suite's, such as `precision`; its id shows them.
        compile: whether networks are compiled on CUDA; changes the last digits.
        fast: first try which options are faster and keep all numbers of a sample within 0.1 point, and use
            these; see `raybench.benchmark.running.fast`.
        fast_report: what was tried, for the manifest.

    Raises:
        RaybenchError: a value is of another kind or out of range.
    """

    data: Mapping[str, Path] = field(default_factory=dict)
    out: Path = Path("runs")
    device: str = "auto"
    batch_size: int = 32
    workers: int | None = None
    processes: int | None = None
    threads: int | None = None
    limit: int | None = None
    fresh: bool = False
    strict: bool = False
    checkpoints: Sequence[str] = ()
    trust_code: bool = False
    protocol: Mapping[str, Any] = field(default_factory=dict)
    compile: Compile = "no"
    fast: bool = False
    fast_report: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Turn texts into paths, and refuse values that make no sense."""
        if not isinstance(self.data, Mapping):
            raise RaybenchError(f"data is {self.data!r}; expected folders by name, as {{'imagenet': FOLDER}}")
        paths = {name: _path(f"data folder {name!r}", path) for name, path in self.data.items()}
        object.__setattr__(self, "data", paths)
        object.__setattr__(self, "out", _path("out", self.out))
        if isinstance(self.checkpoints, (str, Path)):
            raise RaybenchError(
                f"checkpoints is {str(self.checkpoints)!r}; expected a list of names or cards"
            )
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is None and name != "batch_size":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise RaybenchError(f"{name} is {value!r}; expected an integer of at least {least}")


def _path(name: str, value: object) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise RaybenchError(f"{name} is {value!r}; expected the path of a folder")
    return Path(value)
