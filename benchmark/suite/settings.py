"""How a suite is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from ...base import Flag, RaybenchError, refuse_out_of_range

__all__ = ["DataFolders", "Device", "Settings", "TrustCode"]

DataFolders = Annotated[
    Mapping[str, Path], Flag("Folder of a dataset.", metavar="NAME=PATH", default="$RAYBENCH_DATA/NAME")
]
"""Folders by dataset name, and `weights`."""

Device = Annotated[str, Flag("auto, cpu, cuda or cuda:1.")]

TrustCode = Annotated[bool, Flag("Let cards name code of installed packages as architecture.")]

Compile = Literal["no", "stages", "graphs"]


@dataclass(frozen=True)
class Settings:
    """How a suite is run; only `protocol` changes a number but in the last digits.

    A CPU takes images one by one, whatever `batch_size` is. Under torchrun its processes measure, and
    `processes` stays None. On a CPU another number of `threads` changes the last digits, another number of
    processes does not. `protocol` holds fields that depart from the suite's protocol, whose id shows them,
    and `fast_report` what `fast` tried, for the manifest; see `raybench.benchmark.running.fast`.

    Raises:
        RaybenchError: a value is of another kind or out of range.
    """

    data: DataFolders = field(default_factory=dict)
    out: Annotated[Path, Flag("Result folder.", default="runs/SUITE")] = Path("runs")
    device: Device = "auto"
    batch_size: Annotated[int, Flag("Images per forward pass on a GPU.", least=1)] = 32
    workers: Annotated[
        int | None, Flag("Loader processes of each process.", least=0, default="by machine")
    ] = None
    processes: Annotated[
        int | None, Flag("Processes that measure side by side on a CPU.", least=1, default="one per core")
    ] = None
    threads: Annotated[
        int | None,
        Flag("Threads of each process; changes the last digits.", least=1, default="1 on a CPU"),
    ] = None
    limit: Annotated[int | None, Flag("Measure only the first N images.", metavar="N", least=1)] = None
    fresh: Annotated[bool, Flag("Measure anew instead of resuming.")] = False
    checkpoints: Annotated[
        Sequence[str],
        Flag("Measure these checkpoints instead of the suite's.", "--checkpoint", "NAME|CARD.yaml"),
    ] = ()
    trust_code: TrustCode = False
    strict: Annotated[bool, Flag("Stop at the first image that cannot be used.")] = False
    fast: Annotated[
        bool, Flag("Try on a sample what is faster and moves no number by 0.1 point, and use that.")
    ] = False
    compile: Annotated[
        Compile, Flag("Compile networks on CUDA, also with CUDA graphs; changes the last digits.")
    ] = "no"
    protocol: Mapping[str, Any] = field(default_factory=dict)
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
        refuse_out_of_range(self)


def _path(name: str, value: object) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise RaybenchError(f"{name} is {value!r}; expected the path of a folder")
    return Path(value)
