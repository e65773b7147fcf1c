"""Section `training`: a step with the consistency loss against a plain one, and the loaders.

Steps are timed in turn within one fresh process, round after round, and ratios taken within a round. On one
thread of a CPU its processor time is measured, which other work on the machine disturbs less than the time
that passes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from raybench.training import load_recipe
from raybench.training.data.loading import Batch, Draw, TrainingSamples, collate
from raybench.training.data.picture_files import open_pictures

from ..apart import apart
from ..options import Options, Section
from ..report import table
from ..turns import in_turn, ratio, spread
from ..ways.training_steps import KINDS, Stepper, made_up_batch

__all__ = ["TRAINING", "time_loaders", "time_steps"]

_SAYS = (
    "Steps of the ImageNet recipe (forward, backward, optimiser), on noise or on the ImageNet pictures at "
    "hand. By operations, a picture and its grid of twice the side are 5 plain steps: the limit."
)
_BATCH, _SIDE = 4, 224
_LIMIT = 5.0

Times = dict[str, list[float]]


def measure(options: Options) -> list[str]:
    """Time steps in both precisions, then the loaders where there are pictures."""
    size, side = (2, 64) if options.quick else (_BATCH, _SIDE)
    common = {"device": options.device, "size": size, "side": side, "rounds": max(3, options.rounds)}
    if options.quick:
        common["rounds"] = 1
    lines = [_SAYS, ""]
    for precision in ("float32",) if options.quick else ("float32", "bf16"):
        done = apart(time_steps, options, precision=precision, **common)
        title = f"A step, resnet18, {precision}, batch {size}, without a loader"
        lines += _part(title, done["times"], size, done)
    if not os.environ.get("RAYBENCH_DATA"):
        return [*lines, "The loaders were left out: they need the pictures that RAYBENCH_DATA names.", ""]
    done = apart(time_loaders, options, precision="float32", **common)
    lines += _part("Loading alone, one process", done["loading"], done["pictures"], None)
    title = f"A step, resnet18, float32, batch {size}, pictures decoded in the same process"
    return [*lines, *_part(title, done["times"], size, done)]


TRAINING = Section("training", measure)


def time_steps(precision: str, device: str, size: int, side: int, rounds: int) -> dict[str, Any]:
    """Seconds of the three kinds of step, without a loader, by round."""
    stepper, batch = Stepper("resnet18", precision, device), made_up_batch(size, side)
    ways: dict[str, Callable[[], object]] = {
        kind: lambda kind=kind: stepper.step(batch, kind) for kind in KINDS
    }
    return {"times": _timed(ways, rounds, device), **_memory(device)}


def time_loaders(precision: str, device: str, size: int, side: int, rounds: int) -> dict[str, Any]:
    """Seconds of the two loaders alone, for all pictures, and of each with the steps that they feed."""
    recipe = load_recipe("imagenet-gc", ["train.split=val", f"crop={side}", f"short_side={side * 8 // 7}"])
    samples = {
        kind: TrainingSamples(open_pictures(recipe.train, recipe, {}), 0, with_grids=kind == "loader")
        for kind in ("batch", "loader")
    }
    count = len(samples["batch"])
    turn = iter(range(10**9))

    def load(kind: str) -> Batch:
        start = next(turn) * size
        return collate([samples[kind][Draw(0, (start + place) % count)] for place in range(size)])

    def load_all(kind: str) -> None:
        for place in range(count):
            collate([samples[kind][Draw(next(turn), place)]])

    loaders: dict[str, Callable[[], object]] = {
        f"negatives: {kind}": lambda kind=kind: load_all(kind) for kind in samples
    }
    stepper = Stepper("resnet18", precision, device)
    ways: dict[str, Callable[[], object]] = {"plain": lambda: stepper.step(load("batch"), "plain")}
    for order in KINDS[1:]:
        for kind in samples:
            ways[f"{order}, negatives: {kind}"] = lambda order=order, kind=kind: stepper.step(
                load(kind), order
            )
    loading = _timed(loaders, rounds, device)
    return {"loading": loading, "times": _timed(ways, rounds, device), "pictures": count, **_memory(device)}


def _timed(ways: Mapping[str, Callable[[], object]], rounds: int, device: str) -> Times:
    """Seconds of each way by round, after one round that does not count."""
    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter

    def seconds(work: Callable[[], object]) -> float:
        start = clock()
        work()
        return clock() - start

    calls = {name: lambda work=work: seconds(work) for name, work in ways.items()}
    return {name: taken[1:] for name, taken in in_turn(calls, rounds + 1).items()}


def _memory(device: str) -> dict[str, float]:
    return {"gpu_memory_mb": torch.cuda.max_memory_allocated() / 1e6} if device == "cuda" else {}


def _part(title: str, times: Times, images: int, done: Mapping[str, Any] | None) -> list[str]:
    """A table: images per second, and time against the first way within rounds."""
    first = next(iter(times.values()))
    rows = []
    for name, taken in times.items():
        against = ratio(taken, first)
        share = f"{100 * _LIMIT / against.median:.0f} %" if name.startswith(KINDS[1:]) else ""
        rows.append([name, f"{images / spread(taken).median:.2f}", str(against), share])
    headings = ["way", "images per second", "time against the first", "share of the limit"]
    lines = [f"### {title}", "", *table(headings, rows)]
    if done:
        peak = done.get("gpu_memory_mb", done["peak_memory_mb"])
        lines += [f"Peak memory: {peak:.0f} MB.", ""]
    return lines
