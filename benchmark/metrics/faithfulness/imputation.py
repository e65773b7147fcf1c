"""Fills holes in a picture from the pixels around them, so that the hole itself says little."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ....base import RaybenchError

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

_STRAIGHT, _DIAGONAL = 1 / 6, 1 / 12
_NEIGHBOURS = (((0, 1), _STRAIGHT), ((1, 0), _STRAIGHT), ((1, 1), _DIAGONAL), ((1, -1), _DIAGONAL))


def imputed(image: Floats, unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Replace unknown pixels so that each is the weighted mean of its neighbours inside the picture.

    A neighbour beside or above weighs 1/6, a diagonal one 1/12; those outside of the picture are left out.
    One symmetric positive definite system for all colours.

    Args:
        image: (C, H, W).
        unknown: (H, W); what the picture shows there is not read.

    Returns:
        (C, H, W).

    Raises:
        RaybenchError: no pixel is known.

    Source: Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022.
    """
    count = int(unknown.sum())
    found = np.array(image, dtype=np.float64)
    if not count:
        return found
    if count == unknown.size:
        raise RaybenchError("all pixels are to be imputed; leave some of the picture to impute them from")
    place = np.full(unknown.shape, -1, dtype=np.int64)
    place[unknown] = np.arange(count)
    weights, known = np.zeros(count), np.zeros((count, len(image)))
    rows, columns, entries = [], [], []
    for here, there, weight in _pairs(unknown.shape):
        one, other = place[here], place[there]
        for inner, outer, pixels in ((one, other, there), (other, one, here)):
            inside = inner >= 0
            edge = inside & (outer < 0)
            weights[inner[inside]] += weight  # no pixel twice: each has one neighbour in a direction
            known[inner[edge]] += weight * found[(slice(None), *pixels)][:, edge].T
        both = (one >= 0) & (other >= 0)
        rows += [one[both], other[both]]
        columns += [other[both], one[both]]
        entries.append(np.full(2 * int(both.sum()), -weight))
    diagonal = np.arange(count)
    matrix = sparse.csc_array(
        (
            np.concatenate([weights, *entries]),
            (np.concatenate([diagonal, *rows]), np.concatenate([diagonal, *columns])),
        ),
        shape=(count, count),
    )
    # an order for symmetric matrices that need no pivots: half the time of the default
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    found[:, unknown] = factors.solve(known).T
    return found


def _pairs(shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice], float]]:
    """Yield all pixels that have a neighbour in one direction, those neighbours, and their weight."""
    height, width = shape
    for (down, right), weight in _NEIGHBOURS:
        here = slice(0, height - down), slice(max(0, -right), width - max(0, right))
        there = slice(down, height), slice(max(0, right), width - max(0, -right))
        yield here, there, weight
