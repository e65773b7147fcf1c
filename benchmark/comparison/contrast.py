"""How far apart two rows are in each metric, with interval and p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..results import prediction_batches
from ..statistics import (
    Aggregate,
    Block,
    Facts,
    Spread,
    Statistic,
    influence,
    interval,
    p_values,
    paired_tests,
    spread_of,
)


@dataclass(frozen=True)
class Contrast:
    """One metric of two rows on the same queries.

    Attributes:
        value_a, value_b: in percent.
        difference: B less A, in points.
        ci_low, ci_high: its 95 % interval; NaN for fewer than two images.
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


def contrast_values(common: pd.DataFrame, aggregates: Mapping[str, Aggregate]) -> list[Contrast]:
    """Compare two rows in metrics that have a value per query.

    Args:
        common: the queries that both rows have, with image_id, class_index and, for each metric, `<metric>_a`
            and `<metric>_b`. A query that has no value (NaN) in either row is left out of the metric.
        aggregates: by metric, how values become one number.
    """
    images, found = pd.factorize(common["image_id"])[0].astype(np.int64), []
    for metric, aggregate in aggregates.items():
        values = common[[f"{metric}_a", f"{metric}_b"]].to_numpy(np.float64).T
        there = ~np.isnan(values).any(axis=0)
        classes = common["class_index"].to_numpy(np.int64)[there] if aggregate == "class_mean" else None
        tests = paired_tests(Block(values[:, there], images[there], classes))
        spread = Spread(tests.spread.variance[1, :1], tests.spread.freedom[1, :1], tests.spread.units)
        difference = interval(float(tests.difference[1, 0]), spread)
        found.append(
            Contrast(
                metric=metric,
                aggregate=aggregate,
                value_a=float(tests.means[0]),
                value_b=float(tests.means[1]),
                difference=difference.value,
                ci_low=difference.low,
                ci_high=difference.high,
                p_value=float(tests.p_value[1, 0]),
                images=len(np.unique(images[there])),
                queries=int(there.sum()),
            )
        )
    return found


def contrast_predictions(
    first: pd.DataFrame, second: pd.DataFrame, metrics: Sequence[Facts], *, n_classes: int
) -> list[Contrast]:
    """Compare two checkpoints in metrics of what they predicted, such as accuracy and F1.

    Args:
        first: predictions of A; see `read_predictions`.
        second: predictions of B, for the same images in the same order.
        metrics: classification metrics.
        n_classes: outputs of the checkpoints.

    Raises:
        RaybenchError: an image with an impossible class index, or, for accuracy, without exactly one target.
    """
    images, found = len(first), []
    sides = [_statistics(frame, metrics, n_classes) for frame in (first, second)]
    for metric, before, after in zip(metrics, *sides, strict=True):
        (a, own_a), (b, own_b) = (influence(Statistic(side, metric.compute)) for side in (before, after))
        spread, differing = spread_of(own_b - own_a), (abs(before - after).sum(axis=1) > 0).sum()
        p_value = p_values(np.array([b - a]), spread, np.array([differing]))
        found.append(
            Contrast(
                metric.name,
                metric.aggregates[0],
                a,
                b,
                *interval(b - a, spread),
                p_value=float(p_value[0]),
                images=images,
                queries=images,
            )
        )
    return found


def _statistics(predictions: pd.DataFrame, metrics: Sequence[Facts], n_classes: int) -> list[Any]:
    """Compute each metric's statistics per image, sufficient for its value: sparse (images, K)."""
    blocks: list[list[Any]] = [[] for _ in metrics]
    for batch in prediction_batches(predictions, n_classes):
        for metric, block in zip(metrics, blocks, strict=True):
            block.append(sparse.csr_array(metric.of_images(batch)))
    return [sparse.csr_array(sparse.vstack(block)) for block in blocks]
