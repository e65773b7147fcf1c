"""Lists of numbers in cells of CSV files: the curves and the statistics of each query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

LIST_COLUMNS = ("image_id", "class_index")
"""Columns of curves.csv and statistics.csv before those of the metrics."""

SUBSET_COLUMNS = (*LIST_COLUMNS, "subsets")
"""Columns of subsets.csv; the names of a query's subsets have spaces between them."""


def write_numbers(values: Iterable[float]) -> str:
    """Write numbers with nine significant digits, separated by spaces."""
    return " ".join(format(value, ".9g") for value in values)


def read_numbers(text: str) -> list[float]:
    """Read what `write_numbers` wrote."""
    return [float(word) for word in text.split()]


def write_integers(values: Sequence[int]) -> str:
    """Write integers separated by spaces, runs of equal ones as `0*37`."""
    runs = ((value, sum(1 for _ in same)) for value, same in groupby(values))
    return " ".join(f"{value}*{count}" if count > 1 else str(value) for value, count in runs)


def read_integers(text: str) -> list[int]:
    """Read what `write_integers` wrote."""
    found: list[int] = []
    for word in text.split():
        value, _, count = word.partition("*")
        found += [int(value)] * int(count or 1)
    return found
