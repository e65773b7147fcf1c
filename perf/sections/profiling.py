"""Section `profile`: which operators of torch the time of a run goes to, by `torch.profiler`."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile

from raybench import Settings, evaluate
from raybench.base.memory import keep_freed_memory

from ..apart import apart
from ..options import Options, Section
from ..report import table
from ..turns import in_turn, spread
from ..ways.work import Work

__all__ = ["METHODS", "PROFILE", "profile_of"]

METHODS = ("grad_cam", "gradient", "excitation_backprop")
OUTSIDE, OTHERS = "outside torch: decoding, resizing, Python", "other operators"
_LEAST = 1.0

_SAYS = (
    "Shares of the time of a run on one thread of one process that also decodes (`--processes 1 --threads 1 "
    "--workers 0`), with the loading of weights: what torch's operators take themselves, as `torch.profiler` "
    "sees them, and the rest."
)


def measure(options: Options) -> list[str]:
    """Profile ResNet18 over real pictures, one method at a time, in turn."""
    short_side = 96 if options.quick else 448
    work = Work("killthebits-resnet18", "imagenet", "", options.pick(23, 2), 1, short_side)
    calls = {
        name: lambda name=name: apart(
            profile_of, options, **dataclasses.asdict(dataclasses.replace(work, attribution=name))
        )
        for name in METHODS
    }
    runs = in_turn(calls, options.rounds)
    return [_SAYS, "", *_table({name: _shares(found) for name, found in runs.items()})]


PROFILE = Section("profile", measure, needs_data=True)


def profile_of(**fields: Any) -> dict[str, Any]:
    """Run a suite under the profiler: seconds by operator, and in all."""
    work = Work(**fields)
    keep_freed_memory()  # as the command line does
    with tempfile.TemporaryDirectory() as folder:
        suite = work.suite(Path(folder))
        settings = Settings(
            out=Path(folder) / "out", limit=work.limit, device="cpu", processes=1, threads=1, workers=0
        )
        with profile(activities=[ProfilerActivity.CPU]) as watched:
            start = time.perf_counter()
            evaluate(suite, settings)
            total = time.perf_counter() - start
    return {
        "operators": {one.key: one.self_cpu_time_total / 1e6 for one in watched.key_averages()},
        "total": total,
    }


def _shares(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Medians over rounds by operator, in percent, and what is left of 100."""
    names = {name for run in runs for name in run["operators"]}
    shares = {
        name: spread([100 * run["operators"].get(name, 0.0) / run["total"] for run in runs]).median
        for name in names
    }
    return {**shares, OUTSIDE: 100 - sum(shares.values())}


def _table(shares: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Rows of the operators that take a hundredth of any method's time, the most costly first."""
    most = {name: 0.0 for found in shares.values() for name in found if name != OUTSIDE}
    for found in shares.values():
        most = {name: max(value, found.get(name, 0.0)) for name, value in most.items()}
    large = sorted((name for name in most if most[name] >= _LEAST), key=most.__getitem__, reverse=True)
    rows = [[f"`{name}`", *(f"{found.get(name, 0.0):.1f} %" for found in shares.values())] for name in large]
    small = [sum(found.get(name, 0.0) for name in most if name not in large) for found in shares.values()]
    rows.append([OTHERS, *(f"{value:.1f} %" for value in small)])
    rows.append([OUTSIDE, *(f"{found[OUTSIDE]:.1f} %" for found in shares.values())])
    return table(["operator", *shares], rows)
