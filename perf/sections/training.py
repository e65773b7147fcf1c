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

from raybench.attributions import generator
from raybench.checkpoints import build_module
from raybench.training import load_recipe
from raybench.training.data.loading import Batch, Draw, TrainingSamples, collate
from raybench.training.data.picture_files import open_pictures
from raybench.training.step.optimisation import make_optimiser
from raybench.training.step.step import TrainingStep, fill_grids, normalise

from ..apart import apart
from ..options import Options
from ..report import table
from ..turns import in_turn, ratio, spread

_LIMIT, _CLASSES = 5.0, 1000
_KINDS = ("plain", "closed form", "second order")

Times = dict[str, list[float]]


def measure(options: Options) -> list[str]:
    """Time steps in both precisions, then the loaders where there are pictures."""
    size, side, rounds = (2, 64, 1) if options.quick else (4, 224, max(3, options.rounds))
    lines = [
        "Steps of the ImageNet recipe (forward, backward, optimiser) on noise. By operations, a picture and "
        "its grid of twice the side are 5 plain steps: the limit.",
        "",
    ]
    for precision in ("float32",) if options.quick else ("float32", "bf16"):
        sizes = {"precision": precision, "device": options.device, "size": size, "side": side}
        done = apart(time_steps, options, **sizes, rounds=rounds)
        lines += _part(f"A step, resnet18, {precision}, batch {size}", done["times"], size)
        lines += [f"Peak memory: {done['gpu_memory_mb'] or done['peak_memory_mb']:.0f} MB.", ""]
    if not os.environ.get("RAYBENCH_DATA"):
        return [*lines, "The loaders were left out: they need the pictures that RAYBENCH_DATA names.", ""]
    done = apart(time_loaders, options, side=side, rounds=rounds)
    return [*lines, *_part("Loading alone, one process", done["times"], done["pictures"])]


def time_steps(precision: str, device: str, size: int, side: int, rounds: int) -> dict[str, Any]:
    """Seconds of the three kinds of step on a batch of noise, by round."""
    torch.manual_seed(0)
    network = build_module("resnet18", num_classes=_CLASSES).to(device, memory_format=torch.channels_last)
    module = TrainingStep(network, "layer4").train()
    optimiser = make_optimiser(load_recipe("imagenet-gc").optimisation, network)
    labels = torch.arange(size) % _CLASSES
    noise = torch.randint(256, (size, 3, side, side), dtype=torch.uint8)
    batch = Batch(noise.to(device), labels.to(device), labels.to(device), torch.arange(size).to(device) % 4)

    def step(kind: str) -> None:
        images = normalise(batch.images)
        module.second_order = kind == "second order"
        grids = None if kind == "plain" else fill_grids(batch, images, generator(0))
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            losses = module(images, batch.targets, grids)
        optimiser.zero_grad()
        (losses[0] + 25 * losses[1]).backward()
        optimiser.step()
        if device == "cuda":
            torch.cuda.synchronize()

    ways = {kind: lambda kind=kind: step(kind) for kind in _KINDS}
    times = _timed(ways, rounds, device)
    memory = torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else None
    return {"times": times, "gpu_memory_mb": memory}


def time_loaders(side: int, rounds: int) -> dict[str, Any]:
    """Seconds of the two loaders for all pictures, by round."""
    recipe = load_recipe("imagenet-gc", ["train.split=val", f"crop={side}", f"short_side={side * 8 // 7}"])
    pictures = open_pictures(recipe.train, recipe, {})
    samples = {
        kind: TrainingSamples(pictures, 0, with_grids=kind == "loader") for kind in ("batch", "loader")
    }
    count, turn = len(samples["batch"]), iter(range(10**9))

    def load(kind: str) -> None:
        for place in range(count):
            collate([samples[kind][Draw(next(turn), place)]])

    ways = {f"negatives: {kind}": lambda kind=kind: load(kind) for kind in samples}
    return {"times": _timed(ways, rounds, "cpu"), "pictures": count}


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


def _part(title: str, times: Times, images: int) -> list[str]:
    """A table: images per second, and time against the first way within rounds."""
    first = next(iter(times.values()))
    rows = []
    for name, taken in times.items():
        against = ratio(taken, first)
        share = f"{100 * _LIMIT / against.median:.0f} %" if name in _KINDS[1:] else ""
        rows.append([name, f"{images / spread(taken).median:.2f}", str(against), share])
    headings = ["way", "images per second", "time against the first", "share of the limit"]
    return [f"### {title}", "", *table(headings, rows)]
