"""How far apart two rows are in each metric, with interval and p-value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from ..results import prediction_batches
from ..statistics import Aggregate, Facts
from .paired import p_values, paired_tests
from .resampling import Block, resampled_means, resamples

__all__ = ["Contrast", "contrast_predictions", "contrast_values"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contrast:
    """One metric of two rows on the same queries.

    Attributes:
        value_a, value_b: in percent.
        difference: B less A, in points.
        ci_low, ci_high: its 95 % percentile bootstrap interval over images; NaN for fewer than two images.
        p_value: of no difference, not corrected; see `p_values`.
        images, queries: that both rows have.
    """

    metric: str
    aggregate: str
    value_a: float
    value_b: float
    difference: float
    ci_low: float
    ci_high: float
    p_value: float
    images: int
    queries: int


def contrast_values(
    pairs: Sequence[tuple[pd.DataFrame, Mapping[str, Aggregate]]], *, seed: int, draws: int
) -> list[list[Contrast]]:
    """Compare pairs of rows in metrics that have a value per query.

    Args:
        pairs: the queries that both rows have, with image_id, class_index and, for each metric, `<metric>_a`
            and `<metric>_b`; and by metric, how values become one number. A query that has no value (NaN)
            in either row is left out of the metric.
        seed: of the bootstrap. All pairs are resampled alike, from the images that any of them has.
        draws: resamples of the images.
    """
    names = pd.Index(sorted({name for common, _ in pairs for name in common["image_id"]}))
    blocks = [block for pair in pairs for block in _blocks(*pair, names)]
    resampled = iter(resampled_means(blocks, len(names), seed=seed, draws=draws))
    remaining = iter(blocks)
    return [
        [
            _contrast(metric, aggregate, next(remaining), next(resampled))
            for metric, aggregate in aggregates.items()
        ]
        for _, aggregates in pairs
    ]


def _blocks(common: pd.DataFrame, aggregates: Mapping[str, Aggregate], names: pd.Index) -> Iterator[Block]:
    """Yield a block of two rows, B and A, for each metric; `names` are the images to draw from."""
    image = names.get_indexer(pd.Index(common["image_id"])).astype(np.int64)
    for metric, aggregate in aggregates.items():
        values = common[[f"{metric}_b", f"{metric}_a"]].to_numpy(np.float64).T
        there = ~np.isnan(values).any(axis=0)
        classes = common["class_index"].to_numpy(np.int64)[there] if aggregate == "class_mean" else None
        yield Block(values[:, there], image[there], classes)


def _contrast(metric: str, aggregate: str, block: Block, resampled: Floats) -> Contrast:
    tests = paired_tests(block, resampled)
    value_b, value_a = block.means if len(block.images) else (np.nan, np.nan)
    return Contrast(
        metric,
        aggregate,
        float(value_a),
        float(value_b),
        float(value_b - value_a),
        *_interval(resampled[0] - resampled[1]),
        p_value=float(tests.p_value[0, 1]),
        images=len(np.unique(block.images)),
        queries=len(block.images),
    )


def contrast_predictions(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metrics: Sequence[Facts],
    *,
    n_classes: int,
    seed: int,
    draws: int,
) -> list[Contrast]:
    """Compare two checkpoints in metrics of what they predicted, such as accuracy and F1.

    Args:
        first: predictions of A; see `read_predictions`.
        second: predictions of B, for the same images in the same order.
        metrics: classification metrics.
        n_classes: outputs of the checkpoints.
        seed: of the bootstrap.
        draws: resamples of the images.

    Raises:
        RaybenchError: an image with an impossible class index, or, for accuracy, without exactly one target.
    """
    images = len(first)
    sides = [_statistics(frame, metrics, n_classes) for frame in (first, second)]
    values = [_computed(side, metrics, np.ones((images, 1))) for side in sides]
    resampled: list[list[Floats]] = [[] for _ in metrics]
    for counts in resamples(images, seed=seed, draws=draws if images > 1 else 0):
        computed = [_computed(side, metrics, counts) for side in sides]
        for found, a, b in zip(resampled, *computed, strict=True):
            found.append(b - a)
    out = []
    for place, metric in enumerate(metrics):
        a, b = (float(side[place][0]) for side in values)
        draws_of = np.concatenate([np.empty(0), *resampled[place]])
        differing = abs(sides[0][place] - sides[1][place]).sum(axis=1) > 0
        error = draws_of.std(ddof=1) * np.sqrt(images / (images - 1)) if len(draws_of) > 1 else np.nan
        p_value = p_values(np.array(b - a), np.array(error), images, np.array(np.count_nonzero(differing)))
        interval = _interval(draws_of)
        out.append(
            Contrast(
                metric.name, metric.aggregates[0], a, b, b - a, *interval, float(p_value), images, images
            )
        )
    return out


def _statistics(predictions: pd.DataFrame, metrics: Sequence[Facts], n_classes: int) -> list[Any]:
    """Compute each metric's statistics per image, sufficient for its value: sparse (images, K)."""
    blocks: list[list[Any]] = [[] for _ in metrics]
    for batch in prediction_batches(predictions, n_classes):
        for metric, block in zip(metrics, blocks, strict=True):
            block.append(sparse.csr_array(metric.of_images(batch)))
    return [sparse.csr_array(sparse.vstack(block)) for block in blocks]


def _computed(
    statistics: Sequence[Any], metrics: Sequence[Facts], counts: NDArray[np.floating[Any]]
) -> list[Floats]:
    """Compute the values (D,) of each metric for images drawn as often as `counts` (images, D) says."""
    computed = []
    for metric, per_image in zip(metrics, statistics, strict=True):
        computed.append(metric.compute((per_image.T @ counts).astype(np.float64).T))
    return computed


def _interval(resampled: Floats) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of the values that are defined, without the dust of summation."""
    known = resampled[~np.isnan(resampled)]
    if len(known) < 2:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5]).round(10)
    return float(low), float(high)
