"""`python -m perf.training`: time a step with the consistency loss against a plain one, and the loaders.

    OMP_NUM_THREADS=1 RAYBENCH_DATA=... python -m perf.training --rounds 9

Steps are timed in turn, round after round, and ratios taken within a round. On one thread of a CPU, its
processor time is measured, which other work on the machine disturbs less than the time that passes. Writes
the section between the markers in docs/performance.md.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from raybench.checkpoints import build_module
from raybench.training import load_recipe
from raybench.training.loading import Batch, Draw, TrainingSamples, collate
from raybench.training.optimisation import make_optimiser
from raybench.training.picture_files import open_pictures
from raybench.training.randomness import generator_for
from raybench.training.recipe import Recipe
from raybench.training.step import TrainingStep, fill_grids, normalise

REPORT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
START, END = "<!-- training: begin -->", "<!-- training: end -->"
CLASSES = 1000


class Stepper:
    """A network in training that can do each kind of step on a batch."""

    def __init__(self, architecture: str, precision: str, device: str) -> None:
        self.recipe = load_recipe("imagenet-gc", [f"architecture={architecture}"])
        self.device = torch.device(device)
        torch.manual_seed(0)
        network = build_module(architecture, num_classes=CLASSES).to(memory_format=torch.channels_last)
        network.to(self.device)
        self.module = TrainingStep(network, "layer4").train()
        self.optimiser = make_optimiser(self.recipe.optimisation, network)
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")
        self.turn = 0

    def step(self, batch: Batch, kind: str) -> None:
        """Do one step: `plain`, `closed form` or `second order`."""
        self.turn += 1
        batch = Batch(
            *(
                tensor.to(self.device)
                for tensor in (batch.images, batch.targets, batch.classes, batch.quadrants)
            ),
            None if batch.grids is None else batch.grids.to(self.device),
        )
        images = normalise(batch.images)
        self.module.second_order = kind == "second order"
        grids = None if kind == "plain" else fill_grids(batch, images, generator_for(self.turn))
        with self.autocast:
            losses: Tensor = self.module(images, batch.targets, grids)
        self.optimiser.zero_grad()
        (losses[0] + 25 * losses[1]).backward()
        self.optimiser.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def made_up_batch(size: int) -> Batch:
    """A batch of noise, with every class once."""
    images = torch.randint(256, (size, 3, 224, 224), dtype=torch.uint8)
    labels = torch.arange(size) % CLASSES
    return Batch(images, labels, labels, torch.arange(size) % 4)


def clock_of(device: str) -> Callable[[], float]:
    """Processor time where one thread does all the work, else the time that passes."""
    return time.process_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Time one call."""
    start = clock()
    work()
    return clock() - start


def in_turn(
    ways: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Time each way once per round, after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(rounds + 1):
        for name, work in ways.items():
            taken = seconds(work, clock)
            if round_number:
                times[name].append(taken)
    return times


def table(times: dict[str, list[float]], images: int, base: str) -> list[str]:
    """Markdown rows: images per second, and time against the base, within rounds."""
    rows = ["| way | images per second | time against the first |", "|---|---:|---:|"]
    for name, taken in times.items():
        ratios = [own / other for own, other in zip(taken, times[base], strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append(f"| {name} | {images / statistics.median(taken):.2f} | {spread} |")
    return rows


def steps_section(architecture: str, precision: str, device: str, size: int, rounds: int) -> list[str]:
    """Time the three kinds of step, without a loader."""
    stepper, batch = Stepper(architecture, precision, device), made_up_batch(size)
    ways = {
        kind: lambda kind=kind: stepper.step(batch, kind) for kind in ("plain", "closed form", "second order")
    }
    times = in_turn(ways, rounds, clock_of(device))
    title = f"### A step, {architecture}, {precision}, batch {size}, without a loader"
    return [title, "", *table(times, size, "plain"), ""]


def loader_sections(precision: str, device: str, size: int, rounds: int) -> list[str]:
    """Time the two loaders alone, and each with the steps that they feed."""
    recipe = load_recipe("imagenet-gc", ["train.split=val"])
    samples = {kind: make_samples(recipe, with_grids=kind == "loader") for kind in ("batch", "loader")}
    count = len(samples["batch"])
    turn = iter(range(10**9))

    def load(kind: str) -> Batch:
        start = next(turn) * size
        return collate([samples[kind][Draw(0, (start + place) % count)] for place in range(size)])

    def load_all(kind: str) -> None:
        for place in range(count):
            collate([samples[kind][Draw(next(turn), place)]])

    loading = in_turn(
        {f"negatives: {kind}": lambda kind=kind: load_all(kind) for kind in samples}, rounds, clock_of(device)
    )
    stepper = Stepper("resnet18", precision, device)
    ways: dict[str, Callable[[], object]] = {"plain": lambda: stepper.step(load("batch"), "plain")}
    for order in ("closed form", "second order"):
        for kind in samples:
            ways[f"{order}, negatives: {kind}"] = lambda order=order, kind=kind: stepper.step(
                load(kind), order
            )
    full = in_turn(ways, rounds, clock_of(device))
    return [
        "### Loading alone, one process",
        "",
        *table(loading, count, "negatives: batch"),
        "",
        f"### A step, resnet18, {precision}, batch {size}, pictures decoded in the same process",
        "",
        *table(full, size, "plain"),
        "",
    ]


def make_samples(recipe: Recipe, *, with_grids: bool) -> TrainingSamples:
    """The ImageNet recipe's loader on the pictures at hand."""
    return TrainingSamples(open_pictures(recipe.train, recipe, {}), 0, with_grids=with_grids)


def main() -> None:
    """Parse the options, measure and write the section."""
    parser = argparse.ArgumentParser(prog="python -m perf.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--networks", nargs="+", default=["resnet18"])
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    threads = torch.get_num_threads()
    where = f"{threads} threads" if threads > 1 else "One thread, in processor time"
    where += f", {platform.machine()}"
    if options.device == "cuda":
        where = torch.cuda.get_device_name()
    lines = [
        START,
        f"{where}, Python {platform.python_version()}, torch {torch.__version__}; {options.rounds} rounds.",
        "",
    ]
    for precision in ("float32", "bf16"):
        for name in options.networks:
            lines += steps_section(name, precision, options.device, options.batch, options.rounds)
    lines += loader_sections("float32", options.device, options.batch, options.rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    if options.device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 1e6
    lines += [f"Peak memory of the whole run: {peak:.0f} MB.", END]
    section = "\n".join(lines)
    print(section)
    if not options.dry:
        text = REPORT.read_text(encoding="utf-8")
        before, after = text.partition(START)[0], text.partition(END)[2]
        REPORT.write_text(before + section + after, encoding="utf-8")


if __name__ == "__main__":
    main()
