"""Measures several ways in turn, round after round, and compares them within a round.

A machine whose speed drifts then treats all alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Spread(NamedTuple):
    """A median, and the least and most that it is the median of."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        digits = 2 if self.high < 100 else 0
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def in_turn(ways: Mapping[K, Callable[[], T]], rounds: int) -> dict[K, list[T]]:
    """Call each way once per round; every other round in reverse order."""
    results: dict[K, list[T]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            results[name].append(ways[name]())
    return results


def spread(values: Sequence[float]) -> Spread:
    """Summarise values, one per round."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Summarise the ratios within each round."""
    return spread([above / below for above, below in zip(over, under, strict=True)])
