"""`python -m perf.calibration`: do intervals and places keep their word?

Data are made up of which the truth is known: rows that fare alike on hard images, several queries to an
image, classes with few queries. Printed are, in percent, how often the 95 % interval of a value and of a
difference holds the truth, how often two equal rows differ at 5 %, and on how many boards of four equal rows
any two get separate places. Ends with code 1 if one is further off than it may be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from raybench.benchmark.statistics import Block, Spread, deviations, holm, interval, paired_tests

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS: Mapping[str, tuple[tuple[int, ...], float]] = {
    "ImageNet-like": ((50,) * 300, 1.0),
    "COCO-like": (tuple(np.geomspace(3, 2000, 80).round().astype(int).tolist()), 2.9),
    "VOC-like": (tuple(np.geomspace(15, 400, 20).round().astype(int).tolist()), 1.6),
    "few classes": ((25,) * 12, 1.0),
    "few queries a class": ((1, 2, 3, 4) * 25, 1.2),
}
"""Queries of each class, and queries to an image."""
HARDNESS: Mapping[str, tuple[float, float, bool]] = {
    "hits": (0.4, 0.5, True),
    "hits near 100": (1.8, 0.3, True),
    "shares": (0.4, 0.5, False),
}
"""Mean and spread of the classes' probits, and whether values are only 0 and 100."""
ROWS = 4
_TRUTHS = 40  # of which the trials of a line are, so that none of them decides
_AT_ONCE = 2_000_000  # values of a row that are made at once


@dataclass
class Shares:
    """How often what was to hold did, in percent: intervals of a value, of a difference; tests; boards."""

    value: float
    difference: float
    level: float
    boards: float


def queries_of(kind: str, generator: np.random.Generator) -> tuple[Integers, Integers]:
    """Make up which image and class each query is of, sorted by image: no class twice in an image."""
    sizes, crowd = KINDS[kind]
    count = max(int(sum(sizes) / crowd), max(sizes))
    if crowd == 1:
        return np.arange(sum(sizes)), np.repeat(np.arange(len(sizes)), sizes)
    likely = generator.gamma(2, size=count)  # some images show more than others
    chosen = [generator.choice(count, size, replace=False, p=likely / likely.sum()) for size in sizes]
    images, classes = np.concatenate(chosen), np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((classes, images))
    return np.unique(images[order], return_inverse=True)[1], classes[order]


def rows_of(
    means: Floats, images: Integers, trials: int, binary: bool, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Make up rows (rows, trials, Q) with the probabilities `means` (rows, trials or 1, Q).

    Images and queries are hard or easy for all rows, and others for each row of its own.
    """
    width, queries = int(images.max()) + 1, len(images)

    def noise(number: int) -> NDArray[np.float32]:
        by_image = generator.standard_normal((number, trials, width), dtype=np.float32)[..., images]
        return by_image + generator.standard_normal((number, trials, queries), dtype=np.float32)

    latent, means = (noise(1) + noise(len(means))) * np.float32(0.5), means.astype(np.float32)
    if binary:
        return np.where(latent < ndtri(means), np.float32(100), np.float32(0))
    return 100 * ndtr(np.float32(0.8) * latent + np.float32(1.64**0.5) * ndtri(means))


def measure(kind: str, hardness: str, aggregate: str, *, trials: int) -> Shares:
    """Simulate `trials` boards."""
    generator = np.random.default_rng(0)
    images, classes = queries_of(kind, generator)
    middle, spread, binary = HARDNESS[hardness]
    by_class = classes if aggregate == "class_mean" else None
    weights = _weights(classes, aggregate)
    found: list[NDArray[np.bool_]] = []
    at_once = min(max(1, _AT_ONCE // len(images)), -(-trials // _TRUTHS))
    for start in range(0, trials, at_once):
        here = min(at_once, trials - start)
        # the truth is another each time: a share of hits of one size meets more or fewer steps of 1 / Q
        centres = ndtr(generator.normal(middle, spread, classes.max() + 1))
        others = np.clip(centres - 0.02 + generator.normal(0, 0.04, len(centres)), 0.02, 0.995)
        truths = [float(100 * one[classes] @ weights) for one in (centres, others)]
        # for a mean over queries the classes are drawn too, as they are with new images
        drawn = classes[None] if by_class is not None else generator.choice(classes, (here, len(classes)))
        means = np.stack([centres[drawn]] * ROWS + [others[drawn]])
        values = rows_of(means, images, here, binary, generator)
        found.append(_held(values, images, by_class, truths))
    return Shares(*(100 * np.concatenate(found).mean(axis=0)).tolist())


def _weights(classes: Integers, aggregate: str) -> Floats:
    """What each query counts in the value: (Q,)."""
    if aggregate != "class_mean":
        return np.full(len(classes), 1 / len(classes))
    sizes = np.bincount(classes)
    return 1 / (sizes[classes] * len(sizes))


def _held(
    values: Floats, images: Integers, classes: Integers | None, truths: list[float]
) -> NDArray[np.bool_]:
    """Say of each trial what held: (trials, 4)."""
    made = deviations(values[0], images, classes)
    own, upper = made.within_bounds(), np.triu_indices(ROWS, 1)
    out = np.zeros((len(made.means), 4), dtype=np.bool_)
    for trial, mean in enumerate(made.means):
        value = Spread(*(part[trial : trial + 1] for part in own[:2]), units=own.units)
        tests = paired_tests(Block(values[:, trial], images, classes))
        pair = Spread(*(part[ROWS, :1] for part in tests.spread[:2]), units=tests.spread.units)
        found = (
            (interval(float(mean), value, (0.0, 100.0)), truths[0]),
            (interval(float(tests.difference[ROWS, 0]), pair), truths[1] - truths[0]),
        )
        out[trial, :2] = [low <= truth <= high for (_, low, high), truth in found]
        p_values = tests.p_value[upper]
        out[trial, 2:] = p_values[0] <= 0.05, holm(p_values).min() <= 0.05
    return out


def misses(shares: Shares, trials: int) -> list[str]:
    """Say which shares are off by more than a point, beyond what chance does in one simulation of 100."""
    chance = 100 * 2.6 * (0.05 * 0.95 / trials) ** 0.5
    off = {
        "interval of a value": abs(shares.value - 95),
        "interval of a difference": abs(shares.difference - 95),
        "test of two equal rows": abs(shares.level - 5),
        "boards of equal rows": shares.boards - 5,  # Holm's method is on the safe side
    }
    return [f"{name}: off by {by:.1f} points" for name, by in off.items() if by > 1 + chance]


def main() -> int:
    """Print a table as in docs/comparing.md."""
    parser = argparse.ArgumentParser(prog="python -m perf.calibration", description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--kind", choices=KINDS, action="append", help="only such data")
    given, failed = parser.parse_args(), []
    print(
        "| data | mean over | values | interval of a value | of a difference | equal rows differ | boards |"
    )
    print("|---|---|---|---|---|---|---|")
    for kind in given.kind or KINDS:
        for aggregate, over in (("class_mean", "classes"), ("query_mean", "queries")):
            for hardness in HARDNESS:
                found = measure(kind, hardness, aggregate, trials=given.trials)
                cells = " | ".join(f"{share:.1f}" for share in vars(found).values())
                print(f"| {kind} | {over} | {hardness} | {cells} |", flush=True)
                failed += [f"{kind}, {over}, {hardness}: {one}" for one in misses(found, given.trials)]
    print("\n".join(failed), file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
