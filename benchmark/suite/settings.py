"""What the commands take: how a suite is run, run again, measured again; how a recipe is followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from ...base import Flag, RaybenchError, refuse_out_of_range

_Data = Annotated[
    Mapping[str, Path], Flag("Folder of a dataset.", metavar="NAME=PATH", default="$RAYBENCH_DATA/NAME")
]
_Device = Annotated[str, Flag("auto, cpu, cuda or cuda:1.")]
_TrustCode = Annotated[bool, Flag("Run code that cards, suites or --attribution name.")]
_Workers = Annotated[int | None, Flag("Loader processes of each process.", least=0, default="by machine")]

_CHOICE = "NAME|{name: NAME, …}"
Compile = Literal["no", "stages", "graphs"]


@dataclass(frozen=True)
class Settings:
    """How a suite is run, and the parts of it that are given in place of its own.

    Of what is no part of a suite only `protocol` changes a number but in the last digits.

    `data` holds folders by dataset name, and `weights`; others are looked for under $RAYBENCH_DATA.
    A CPU takes images one by one, whatever `batch_size` is. Under torchrun its processes measure, and
    `processes` stays None. On a CPU another number of `threads` changes the last digits, another number of
    processes does not. `protocol` holds fields that depart from the suite's protocol, whose id shows them,
    and `fast_report` what `fast` tried, for the manifest; see `raybench.benchmark.running.fast`.

    Raises:
        RaybenchError: a value is of another kind or out of range.
    """

    data: _Data = field(default_factory=dict)
    out: Annotated[Path, Flag("Result folder.", default="runs/SUITE")] = Path("runs")
    device: _Device = "auto"
    batch_size: Annotated[int, Flag("Images per forward pass on a GPU.", least=1)] = 32
    workers: _Workers = None
    processes: Annotated[
        int | None, Flag("Processes that measure side by side on a CPU.", least=1, default="one per core")
    ] = None
    threads: Annotated[
        int | None,
        Flag("Threads of each process; changes the last digits.", least=1, default="1 on a CPU"),
    ] = None
    limit: Annotated[
        int | None,
        Flag("Measure only N images, drawn by the seed; a higher N adds to them.", metavar="N", least=1),
    ] = None
    fresh: Annotated[bool, Flag("Measure anew instead of resuming.")] = False
    checkpoints: Annotated[
        Sequence[str],
        Flag(
            "Measure these checkpoints instead of the suite's.",
            "--checkpoint",
            "NAME|CARD.yaml|FILE.py:FUNCTION",
        ),
    ] = ()
    attributions: Annotated[
        Sequence[str],
        Flag(
            "Run these methods instead of the suite's.",
            "--attribution",
            _CHOICE + "|FILE.py:FUNCTION",
        ),
    ] = ()
    dataset: Annotated[
        str | None,
        Flag("Measure on this data instead of the suite's.", metavar=_CHOICE, default="suite's"),
    ] = None
    metrics: Annotated[
        Sequence[str],
        Flag("Score by these metrics instead of the suite's.", "--metric", "NAME|FILE.py:FUNCTION"),
    ] = ()
    name: Annotated[str | None, Flag("Call the suite so in results.", metavar="WORD", default="suite's")] = (
        None
    )
    seed: Annotated[
        int | None, Flag("Of everything random, instead of the suite's.", least=0, default="suite's")
    ] = None
    gallery: Annotated[
        int | None, Flag("Queries whose maps are kept as thumbnails.", least=0, default="suite's")
    ] = None
    trust_code: _TrustCode = False
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
        if self.out.resolve() == Path(self.out.resolve().anchor):
            raise RaybenchError(f"out is {str(self.out)!r}, the root of the file system; name a folder below")
        for name in ("checkpoints", "attributions", "metrics"):
            value = getattr(self, name)
            if isinstance(value, (str, Path)):
                raise RaybenchError(f"{name} is {str(value)!r}; expected a list of names or files")
        refuse_out_of_range(self)


@dataclass(frozen=True)
class Again:
    """How methods are run again on chosen images of a run; see `raybench.benchmark.running`."""

    data: _Data = field(default_factory=dict)
    each: Annotated[
        int, Flag("Queries to choose for each of: best, worst, disputed.", "--images", least=1, most=20)
    ] = 3
    checkpoints: Annotated[
        Sequence[str],
        Flag("Card of a checkpoint that does not ship with raybench.", "--checkpoint", "CARD.yaml"),
    ] = ()
    device: _Device = "auto"
    trust_code: _TrustCode = False


@dataclass(frozen=True)
class Remeasuring:
    """How a submission is measured again, with data and cards that one trusts.

    A card inside a bundle is a stranger's: it is neither fetched from nor does it name code. Which images are
    drawn follows from the bundle's hash and `seed`: a secret of the checker, or a value that is public only
    after the bundle is. With no image excuses alone are looked at.
    """

    images: Annotated[
        int, Flag("Measure N random images again and compare.", "--remeasure", metavar="N", least=0)
    ]
    seed: Annotated[
        str, Flag("A secret, or a later public value: with the bundle's hash it draws.", default="a new one")
    ]
    data: _Data = field(default_factory=dict)
    cards: Annotated[
        Sequence[str],
        Flag("Card that you trust, of a checkpoint that does not ship.", "--checkpoint", "CARD.yaml"),
    ] = ()
    device: _Device = "auto"
    trust_code: _TrustCode = False


@dataclass(frozen=True)
class TrainingSettings:
    """How a recipe is followed; none of it changes the weights on one machine.

    After `steps` training stops; the learning rate falls as if it went on.

    Raises:
        RaybenchError: a number is out of range.
    """

    out: Annotated[Path, Flag("Folder of the checkpoint, the states and the log.", default="runs/train/NAME")]
    data: Annotated[
        Mapping[str, Path],
        Flag(
            "Folder of a dataset, by default of the one trained on.",
            metavar="[NAME=]PATH",
            default="$RAYBENCH_DATA/NAME",
        ),
    ] = field(default_factory=dict)
    device: Annotated[str, Flag("auto, cpu or cuda; torchrun gives each process one.")] = "auto"
    resume: Annotated[bool, Flag("Go on where training stopped, or begin if it has not begun.")] = False
    steps: Annotated[int | None, Flag("Stop after so many steps in all.", least=1)] = None
    workers: _Workers = None
    trust_code: Annotated[bool, Flag("Let the recipe name code of installed packages as architecture.")] = (
        False
    )

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        refuse_out_of_range(self)


def _path(name: str, value: object) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise RaybenchError(f"{name} is {value!r}; expected the path of a folder")
    return Path(value)
