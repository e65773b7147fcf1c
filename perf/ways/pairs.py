"""One method against another way to the same map, in turn, on one picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from raybench.attributions import bind, sharing
from raybench.checkpoints import Network, load_network

from ..turns import in_turn

__all__ = ["PASSES", "pair"]

PASSES = "forward and backward"
"""Names the bare passes, forward once and backward to the pixels for each class."""


def pair(
    checkpoint: str,
    ours: Sequence[Sequence[Any]],
    theirs: Sequence[Sequence[Any]],
    classes: int,
    side: int,
    threads: int,
    rounds: int,
) -> Mapping[str, Any]:
    """Time two ways on a picture of noise, after each has run once about one class.

    Args:
        checkpoint: the network.
        ours: names of methods with their options, which may share passes.
        theirs: likewise; a single empty name means bare passes.
        classes: that are asked about.
        side: of the picture, in pixels.
        threads: of torch.
        rounds: of the two in turn.

    Returns:
        `ours` and `theirs`, seconds by round.
    """
    torch.set_num_threads(threads)
    network = load_network(checkpoint)
    for methods in (ours, theirs):
        _way(network, methods, 1, side)()
    ways = {"ours": _way(network, ours, classes, side), "theirs": _way(network, theirs, classes, side)}
    return in_turn(ways, rounds)


def _way(network: Network, methods: Sequence[Sequence[Any]], classes: int, side: int) -> Callable[[], float]:
    image = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    index, asked = torch.zeros(classes, dtype=torch.int64), torch.arange(classes)
    calls = [bind(name, options) for name, options in methods if name != PASSES]

    def passes() -> float:
        start = time.perf_counter()
        pixels = image.clone().requires_grad_()
        logits = network.module(pixels.clone())
        for target in range(classes):
            torch.autograd.grad(logits[0, target], pixels, retain_graph=True)
        return time.perf_counter() - start

    def maps() -> float:
        start = time.perf_counter()
        with sharing():
            for call in calls:
                call(network, image, index, asked, seeds=[0])
        return time.perf_counter() - start

    return maps if calls else passes
