"""Which sets of segments a method shows: at random, or as Shapley values weigh them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ...seeds import generator


class Coalitions(NamedTuple):
    """Sets of segments, one a row.

    Attributes:
        members: (m, d) float64, 1 for the segments that are shown.
        weights: (m,) float64, how much each set counts in a regression.
    """

    members: Tensor
    weights: Tensor


def coin_flips(seed: int, count: int, samples: int) -> Tensor:
    """Draw sets that have each of `count` segments with probability 1/2: (samples, count) float64.

    The first has all. Each other is drawn for itself, whatever their number.
    """
    members = torch.ones(samples, count, dtype=torch.float64)
    for number in range(1, samples):
        members[number] = torch.rand(count, generator=generator(seed, "segments", number)) < 0.5
    return members


def shapley_coalitions(seed: int, count: int, samples: int) -> Coalitions:
    """Choose sets of segments for the regression whose solution are Shapley values.

    Over all sets but none and all of d segments, a set of s counts (d - 1) / (C(d, s) s (d - s)); see
    Lundberg & Lee, NeurIPS 2017, theorem 2. Sets of one segment and of all but one are always among those
    chosen, and those of further sizes while chance would draw each of them once at least. What is left of
    `samples` are random sets in pairs, each with all that the other lacks; they share the weight of their
    sizes evenly.

    Args:
        seed: of the image.
        count: d, of segments.
        samples: how many sets, from min(2 d, 2^d - 2) to 2^d - 2.

    Returns:
        No segment, all segments, whose weights mean nothing, and then the sets.
    """
    sizes = list(range(1, count // 2 + 1))
    chosen = [torch.zeros(1, count), torch.ones(1, count)]
    weights = [torch.zeros(2, dtype=torch.float64)]
    while sizes:
        size, left = sizes[0], samples + 2 - sum(map(len, chosen))
        number = _sets(count, size)
        share = _mass(count, size) / sum(_mass(count, other) for other in sizes)
        if size > 1 and number > left * share + 1e-6:
            break
        chosen.append(torch.stack(list(_all_of(count, size))))
        weights.append(torch.full((number,), _mass(count, size) / number, dtype=torch.float64))
        sizes.pop(0)
    pairs = (samples + 2 - sum(map(len, chosen))) // 2 if sizes else 0
    if pairs:
        masses = torch.tensor([_mass(count, size) for size in sizes], dtype=torch.float64)
        chosen += [_random_pair(seed, number, count, sizes, masses) for number in range(pairs)]
        weights.append(masses.sum().expand(2 * pairs) / (2 * pairs))
    return Coalitions(torch.cat(chosen).double(), torch.cat(weights))


def _sets(count: int, size: int) -> int:
    """How many sets have `size` segments, or all but `size`."""
    return math.comb(count, size) * (1 if 2 * size == count else 2)


def _mass(count: int, size: int) -> float:
    """Weight of all sets of `size` segments, or all but `size`, together."""
    return (count - 1) / (size * (count - size)) * (1 if 2 * size == count else 2)


def _all_of(count: int, size: int) -> Iterator[Tensor]:
    """All sets of `size` segments, or all but `size`: (count,) float32 each."""
    for members in itertools.combinations(range(count), size):
        one = torch.zeros(count)
        one[list(members)] = 1
        yield one
        if 2 * size != count:
            yield 1 - one


def _random_pair(seed: int, number: int, count: int, sizes: list[int], masses: Tensor) -> Tensor:
    """Draw a set, of a size as often as the size has weight, and what it lacks: (2, count) float32."""
    draws = torch.rand(count + 1, generator=generator(seed, "coalitions", number))
    bounds = masses.cumsum(dim=0)
    place = int(torch.searchsorted(bounds, draws[0] * bounds[-1], right=True).clamp(max=len(sizes) - 1))
    one = torch.zeros(count)
    one[draws[1:].argsort(stable=True)[: sizes[place]]] = 1
    return torch.stack([one, 1 - one])
