"""Do two rows differ? Tests on the paired differences between rows that were measured on the same queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from .resampling import Block

__all__ = ["PairedTests", "differing_images", "p_values", "paired_tests"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_CERTAIN = 64
"""Images from which on the floor of a p-value, 2^(1 - images), is too small to matter."""


@dataclass(frozen=True, eq=False)
class PairedTests:
    """All pairs of R rows, in the metric's unit; entry (i, j) is about row i less row j.

    Attributes:
        difference: (R, R), of the values on all images.
        error: (R, R), bootstrap standard error of the difference.
        p_value: (R, R), two-sided, not corrected for the number of pairs; 1 on the diagonal.
    """

    difference: Floats
    error: Floats
    p_value: Floats


def paired_tests(block: Block, resampled: Floats) -> PairedTests:
    """Test each pair of rows for a difference; see `p_values`.

    Args:
        block: the rows.
        resampled: (R, draws), their values in resamples; see `resampled_means`.
    """
    images = len(np.unique(block.images))
    means = block.means
    difference = means[:, None] - means[None, :]
    error = _errors(resampled, images)
    return PairedTests(difference, error, p_values(difference, error, images, differing_images(block)))


def p_values(difference: Floats, error: Floats, images: int, differing: Integers) -> Floats:
    """Two-sided p-values of paired differences whose bootstrap standard errors are known.

    The share of resamples in which the order of two rows turns round cannot fall below 1 / draws, and after
    a correction for hundreds of pairs nothing could ever be significant. So the resamples give the standard
    error of the paired difference only (to 0.7 % with 10,000 of them), and difference / error is held
    against Student's t with (images - 1) degrees of freedom. For means over queries with one query per image
    this is the paired t-test, `scipy.stats.ttest_rel`.

    A t-test is too sure of itself where only a few images differ. If there were no difference, the two rows
    could be exchanged on any image; k images that differ then agree by chance with probability 2^(1 - k),
    and no p-value may be smaller. Rows that are equal on all images have p = 1, and rows that differ by a
    constant, with an error of 0, are as far apart as a sign test over their images says.

    Args:
        difference: any shape.
        error: its standard error; p is 1 where it is NaN.
        images: number of images behind the differences.
        differing: how many of them differ.
    """
    distance = np.abs(difference)
    score = np.divide(distance, error, out=np.where(distance > 0, np.inf, 0.0), where=error > 0)
    likely = 2 * stdtr(max(1, images - 1), -score)  # of `scipy.stats`, which takes half a second to load
    floor = np.where(differing < _CERTAIN, 2.0 ** (1 - differing.clip(1, _CERTAIN)), 0.0)
    p_value: Floats = np.maximum(likely, floor)
    return np.where(np.isnan(error), 1.0, p_value)


def differing_images(block: Block) -> Integers:
    """Count, for each pair of rows, the images on which they differ, up to 64: (R, R).

    Beyond that a sign test is certain for all purposes, and counting would take longer than the bootstrap.
    """
    _, image, sizes = np.unique(block.images, return_inverse=True, return_counts=True)
    enough = _CERTAIN * int(sizes.max(initial=1))
    counts = np.zeros((len(block.values),) * 2, dtype=np.int64)
    for row, values in enumerate(block.values):
        for other in range(row + 1, len(block.values)):
            counts[row, other] = _differing(values, block.values[other], image, enough)
    return counts + counts.T


def _differing(first: NDArray[Any], second: NDArray[Any], image: Integers, enough: int) -> int:
    """Count images on which two rows (Q,) differ, up to `_CERTAIN`: `enough` queries make as many."""
    for stop in (4096, len(image)):  # rows mostly differ everywhere: their first queries tell
        differ = first[:stop] != second[:stop]
        if np.count_nonzero(differ) >= enough:
            return _CERTAIN
    return min(_CERTAIN, len(np.unique(image[differ])))


def _errors(resampled: Floats, images: int) -> Floats:
    """Standard error of all differences (R, R), from values in resamples (R, draws).

    The factor makes up for images being measured from a mean that they are part of, as n - 1 does in a
    variance.
    """
    known = resampled[:, ~np.isnan(resampled).any(axis=0)]
    if images < 2 or known.shape[1] < 2:
        return np.full((len(resampled),) * 2, np.nan)
    covariance = np.atleast_2d(np.cov(known))
    own = np.diag(covariance)
    variance = own[:, None] + own[None, :] - 2 * covariance
    error: Floats = np.sqrt(variance.clip(min=0) * (images / (images - 1)))
    return error
