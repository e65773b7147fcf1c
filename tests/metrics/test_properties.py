"""What holds of every metric of maps: batches, flips, rescaling, uniform and perfect maps, bounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from raybench.base import Box, Size
from raybench.benchmark.datasets import BoxRegion
from raybench.benchmark.metrics import METRICS, Metric, SaliencyBatch

SIZE = Size(24, 31)
BOXES = (Box(3, 2, 14, 11), Box(9, 5, 30, 23), Box(0, 0, 7, 9), Box(12, 12, 20, 22))
OF_MAPS = [one for one in METRICS if one.kind in ("localisation", "map", "set")]
OF_RANKS = (
    *("pointing_game", "relevance_rank_accuracy", "top_k_intersection", "pixel_average_precision"),
    *("pixel_auroc", "best_iou"),
)
IN_SQUARES = (
    *("max_box_accuracy", "max_box_accuracy_cross_fitted", "max_box_accuracy_v1", "box_localisation"),
)
"""Their boxes are read by published conventions, which count from the upper left."""

of_maps = pytest.mark.parametrize("metric", OF_MAPS, ids=lambda metric: metric.name)


def batch_of(maps: Tensor) -> SaliencyBatch:
    regions = [BoxRegion(SIZE, (box,)) for box in BOXES]
    mask, near = (np.stack(one) for one in zip(*((r.mask(), r.near(4)) for r in regions), strict=True))
    boxes = tuple(region.boxes for region in regions)
    return SaliencyBatch(maps, torch.from_numpy(mask), torch.from_numpy(near), (0, 1, 2, 3), boxes)


def distinct_maps() -> Tensor:
    """Maps in whole numbers without ties, so that their cubes and sums are exact."""
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randperm(SIZE.height * SIZE.width, generator=generator) % 128 for _ in BOXES]
    maps = [one * 128 + torch.randperm(len(one), generator=generator) % 128 for one in maps]
    return torch.stack(maps).view(-1, *SIZE).float() / 2**14


def values(metric: Metric, batch: SaliencyBatch) -> list[float]:
    """A value for each query, of a metric of the set that of a set of this query alone."""
    options = {"side": 48} if metric.name in IN_SQUARES else {}
    found = metric.function(batch, **options)
    return [float(metric.compute(row)) for row in found.double().numpy()] if metric.of_set else found.tolist()


def one_of(batch: SaliencyBatch, row: int) -> SaliencyBatch:
    part = slice(row, row + 1)
    return SaliencyBatch(*(getattr(batch, field.name)[part] for field in dataclasses.fields(batch)))


@of_maps
def test_values_do_not_depend_on_the_batch_or_its_order(metric: Metric) -> None:
    batch = batch_of(distinct_maps())
    alone = [values(metric, one_of(batch, row))[0] for row in range(len(BOXES))]
    assert values(metric, batch) == alone
    backwards = SaliencyBatch(
        *(getattr(batch, name).flip(0) for name in ("saliency", "mask", "near")),
        batch.seeds[::-1],
        batch.boxes[::-1],
    )
    assert values(metric, backwards) == alone[::-1]


@of_maps
def test_values_lie_within_the_bounds(metric: Metric) -> None:
    assert all(map(metric.allows, values(metric, batch_of(distinct_maps()))))


@of_maps
@pytest.mark.parametrize("axis", [1, 2])
def test_a_flip_of_map_and_region_changes_nothing(metric: Metric, axis: int) -> None:
    if metric.name in IN_SQUARES:
        pytest.skip("boxes are read by published conventions, which a flip does not keep")
    batch = batch_of(distinct_maps() ** 4)  # one peak
    flipped = SaliencyBatch(
        *(getattr(batch, name).flip(axis) for name in ("saliency", "mask", "near")), batch.seeds
    )
    assert values(metric, flipped) == pytest.approx(values(metric, batch), rel=1e-6)


@pytest.mark.parametrize("name", OF_RANKS)
@pytest.mark.parametrize("change", [lambda maps: maps**3, lambda maps: 7 * maps], ids=["cube", "7 times"])
def test_metrics_of_ranks_see_the_order_of_pixels_alone(
    name: str, change: Callable[[Tensor], Tensor]
) -> None:
    metric, levels = METRICS.get(name), (distinct_maps() * 100).floor()  # 100 levels: with ties, and exact
    assert values(metric, batch_of(change(levels))) == values(metric, batch_of(levels))


@of_maps
def test_a_uniform_map_scores_chance_or_the_share_of_the_region(metric: Metric) -> None:
    batch = batch_of(torch.full((len(BOXES), *SIZE), 1 / (SIZE.height * SIZE.width)))
    found = values(metric, batch)
    if metric.chance is not None:
        assert found == pytest.approx([metric.chance] * len(BOXES), abs=1e-5)
    elif metric.name in ("content_heatmap", "pxap", *OF_RANKS[1:4], "best_iou"):
        shares = 100 * batch.mask.flatten(1).double().mean(dim=1)
        assert found == pytest.approx(shares.tolist(), abs=1e-4)


@of_maps
def test_the_region_itself_is_perfect(metric: Metric) -> None:
    batch = batch_of(torch.zeros(len(BOXES), *SIZE))
    batch = dataclasses.replace(batch, saliency=batch.mask.float())
    if metric.perfect is not None:
        assert values(metric, batch) == [metric.perfect] * len(BOXES)
    if metric.name in IN_SQUARES and metric.rule != "threshold_of_other_half":  # one query has none
        assert values(metric, batch) == [100] * len(BOXES)
