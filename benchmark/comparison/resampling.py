"""Means of many rows over the same resamples of the images: the paired bootstrap, as matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

__all__ = ["Block", "resampled_means", "resamples"]

Floats = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

_DRAWS_AT_ONCE = 128  # bounds the dense (queries, draws) array of weights: 60 MB for COCO's 117,000 queries


@dataclass(frozen=True, eq=False)
class Block:
    """One metric of R rows, measured on the same Q queries.

    Attributes:
        values: (R, Q), one per row and query; none is NaN. The products are in their precision.
        images: (Q,), index of the query's image.
        classes: (Q,), index of the query's class for a mean over classes; None for a mean over queries.
    """

    values: Reals
    images: Integers
    classes: Integers | None = None

    @property
    def weights(self) -> Floats:
        """What each query counts in the value: (Q,), summing to 1."""
        queries = len(self.images)
        if self.classes is None:
            return np.full(queries, 1 / max(1, queries))
        _, inverse, sizes = np.unique(self.classes, return_inverse=True, return_counts=True)
        weights: Floats = 1 / (sizes[inverse] * max(1, len(sizes)))
        return weights

    @property
    def means(self) -> Floats:
        """The value of each row on all images: (R,)."""
        weights = self.weights
        return np.array([row.astype(np.float64) @ weights for row in self.values])


def resampled_means(blocks: Sequence[Block], n_images: int, *, seed: int, draws: int) -> list[Floats]:
    """Compute the value of each row in resamples of the images, all blocks and rows in the same ones.

    A value of a resample is the mean over its queries, or the mean over classes of the class's mean; classes
    that the resample lacks are left out, as `results.summary` does. The resamples are the ones that
    intervals in summary.csv come from, continued to `draws`.

    Args:
        blocks: the metrics.
        n_images: images to draw from, the `images` of the blocks index them.
        seed: of the draws.
        draws: number of resamples.

    Returns:
        For each block (R, draws): the value of the row in that resample, less a number that all rows of the
        block share. Differences between rows are therefore the differences of their values. What rows have
        in common is taken off before the products, so that float32 is enough: its rounding stays below 1e-5
        of a point. NaN where a resample holds no query of the block.
    """
    groups = _same_queries(blocks)
    joined = [_joined([blocks[place] for place in places]) for places in groups]
    means = [np.full((len(block.values), draws), np.nan) for block in joined]
    if n_images:
        _fill(means, joined, resamples(n_images, seed=seed, draws=draws))
    out: dict[int, Floats] = {}
    for places, rows in zip(groups, means, strict=True):
        ends = np.cumsum([len(blocks[place].values) for place in places])
        out |= dict(zip(places, np.split(rows, ends[:-1]), strict=True))
    return [out[place] for place in range(len(blocks))]


def _same_queries(blocks: Sequence[Block]) -> list[list[int]]:
    """Group blocks, by their places, that are means of the same kind over the same queries."""
    groups: dict[tuple[bytes, bytes | None], list[int]] = {}
    for place, block in enumerate(blocks):
        classes = None if block.classes is None else block.classes.tobytes()
        groups.setdefault((block.images.tobytes(), classes), []).append(place)
    return list(groups.values())


def _joined(blocks: Sequence[Block]) -> Block:
    """Put the rows of blocks on the same queries below each other: one product does for all."""
    return (
        blocks[0]
        if len(blocks) == 1
        else replace(blocks[0], values=np.concatenate([b.values for b in blocks]))
    )


def _fill(out: Sequence[Floats], blocks: Sequence[Block], drawn: Iterator[NDArray[np.float32]]) -> None:
    """Compute the values of each block in all resamples into arrays (R, draws)."""
    parts = [_class_weighted(block) if block.classes is not None else _plain(block) for block in blocks]
    exactness, start = np.result_type(np.float32, *(block.values for block in blocks)), 0
    # on busy or shared processors OpenBLAS' threads wait for each other and take ten times as long as one
    with threadpool_limits(limits=1, user_api="blas"):
        for singles in drawn:
            counts, stop = singles.astype(exactness, copy=False), start + singles.shape[1]
            for part, means in zip(parts, out, strict=True):
                means[:, start:stop] = part.means(counts)
            start = stop


@dataclass(frozen=True, eq=False)
class _Plain:
    """A mean over queries: the queries of an image are drawn together, so that their sums suffice."""

    sums: Reals  # (R, images)
    sizes: Reals  # (images,), queries of each image
    images: Integers  # those that have queries
    offsets: Floats  # (R, 1), what was taken off each value

    def means(self, counts: Reals) -> Floats:
        """Values (R, D) in the resamples of which `counts` (images, D) says how often each image is there."""
        drawn = counts if len(self.images) == len(counts) else counts[self.images]
        totals = self.sizes @ drawn
        return _divide(self.sums @ drawn, totals) + self.offsets


@dataclass(frozen=True, eq=False)
class _ClassWeighted:
    """A mean over classes: one product with the weight that each query has in each resample."""

    values: Reals  # (R, Q), queries sorted by class
    images: Integers  # (Q,)
    starts: Integers  # (C,), where each class begins
    sizes: Integers  # (C,)
    offsets: Floats

    def means(self, counts: Reals) -> Floats:
        """Values (R, D); see `_Plain.means`."""
        weights = counts[self.images]
        totals = np.add.reduceat(weights, self.starts, axis=0)
        there = totals > 0
        shares = np.divide(1, totals, out=np.zeros_like(totals), where=there)
        weights *= np.repeat(shares, self.sizes, axis=0)
        return _divide(self.values @ weights, there.sum(axis=0)) + self.offsets


def _plain(block: Block) -> _Plain:
    values, offsets = _centred(block)
    images, inverse, sizes = np.unique(block.images, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    sums = np.add.reduceat(values[:, order], starts, axis=1) if len(images) else values
    return _Plain(sums, sizes.astype(np.float32), images, offsets)


def _class_weighted(block: Block) -> _ClassWeighted:
    assert block.classes is not None
    values, offsets = _centred(block)
    order = np.argsort(block.classes, kind="stable")
    _, starts, sizes = np.unique(block.classes[order], return_index=True, return_counts=True)
    return _ClassWeighted(np.ascontiguousarray(values[:, order]), block.images[order], starts, sizes, offsets)


def _centred(block: Block) -> tuple[Reals, Floats]:
    """Take off what the rows share at each query, then what each row has on the whole: (R, Q), (R, 1)."""
    common = block.values.sum(axis=0, dtype=np.float64) / max(1, len(block.values))
    values = np.empty(block.values.shape, dtype=np.result_type(block.values, np.float32))
    offsets = np.zeros((len(values), 1))
    for row, own in enumerate(block.values):
        rest = own - common
        offsets[row] = rest.mean() if len(rest) else 0.0
        values[row] = rest - offsets[row]
    return values, offsets


def _divide(sums: Reals, sizes: NDArray[Any]) -> Floats:
    nothing = np.full(sums.shape, np.nan)
    means: Floats = np.divide(sums, sizes, out=nothing, where=sizes > 0, dtype=np.float64)
    return means


def resamples(images: int, *, seed: int, draws: int) -> Iterator[NDArray[np.float32]]:
    """Yield how often each image is drawn: arrays (images, D), `draws` columns in all.

    One draw takes the same numbers from the generator however many are drawn at once.
    """
    generator = np.random.default_rng(seed)
    for start in range(0, draws, _DRAWS_AT_ONCE):
        width = min(_DRAWS_AT_ONCE, draws - start)
        counts = np.empty((width, images), dtype=np.float32)
        for row in counts:
            row[:] = np.bincount(generator.integers(0, images, size=images), minlength=images)
        yield np.ascontiguousarray(counts.T)
