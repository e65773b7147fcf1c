"""Do rows differ? Tests on the paired differences between rows that were measured on the same queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import Spread, deviations, p_values

__all__ = ["Block", "PairedTests", "differing_images", "paired_tests"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ENOUGH = 64
"""Images from which on it no longer matters how many differ; see `p_values`."""


@dataclass(frozen=True, eq=False)
class Block:
    """One metric of R rows, measured on the same Q queries.

    Attributes:
        values: (R, Q), one per row and query; none is NaN.
        images: (Q,), index of the query's image.
        classes: (Q,), index of the query's class for a mean over classes; None for a mean over queries.
    """

    values: NDArray[np.floating[Any]]
    images: Integers
    classes: Integers | None = None


@dataclass(frozen=True, eq=False)
class PairedTests:
    """All pairs of R rows, in the metric's unit; entry (i, j) is about row i less row j.

    Attributes:
        means: (R,), the value of each row.
        difference: (R, R), of the values.
        spread: of the differences: arrays (R, R).
        p_value: (R, R), two-sided, not corrected for the number of pairs; 1 on the diagonal.
    """

    means: Floats
    difference: Floats
    spread: Spread
    p_value: Floats


def paired_tests(block: Block) -> PairedTests:
    """Test each pair of rows for a difference; see `p_values`. A block without queries gives NaN and 1."""
    rows = len(block.values)
    if not len(block.images):
        nothing = np.full((rows, rows), np.nan)
        return PairedTests(
            np.full(rows, np.nan), nothing, Spread(nothing, nothing, 0.0), np.ones((rows, rows))
        )
    found = deviations(block.values, block.images, block.classes)
    difference = found.means[:, None] - found.means[None, :]
    spread = found.of_pairs()
    return PairedTests(found.means, difference, spread, p_values(difference, spread, differing_images(block)))


def differing_images(block: Block) -> Integers:
    """Count, for each pair of rows, the images on which they differ, up to 64: (R, R).

    Beyond that a sign test is certain for all purposes, and counting would take longer than all else.
    """
    _, image, sizes = np.unique(block.images, return_inverse=True, return_counts=True)
    enough = _ENOUGH * int(sizes.max(initial=1))
    counts = np.zeros((len(block.values),) * 2, dtype=np.int64)
    for row, values in enumerate(block.values):
        for other in range(row + 1, len(block.values)):
            counts[row, other] = _differing(values, block.values[other], image, enough)
    return counts + counts.T


def _differing(first: NDArray[Any], second: NDArray[Any], image: Integers, enough: int) -> int:
    """Count images on which two rows (Q,) differ, up to `_ENOUGH`: `enough` queries make as many."""
    for stop in (4096, len(image)):  # rows mostly differ everywhere: their first queries tell
        differ = first[:stop] != second[:stop]
        if np.count_nonzero(differ) >= enough:
            return _ENOUGH
    return min(_ENOUGH, len(np.unique(image[differ])))
