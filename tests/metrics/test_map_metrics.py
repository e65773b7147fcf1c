"""Metrics of maps alone and of the whole set: cases by hand, limits, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from raybench.benchmark.measuring.maps import normalise, status_of
from raybench.benchmark.metrics import SaliencyBatch
from raybench.benchmark.metrics.complexity import sparseness
from raybench.benchmark.metrics.localisation.pooled import pxap
from raybench.benchmark.statistics import RULES

MAP = [[4.0, 4, 2, 0], [3, 2, 2, 0], [1, 0, 0, 0]]


def batch_of(maps: Tensor, mask: Tensor | None = None) -> SaliencyBatch:
    """Maps (N, H, W), scaled to sum 1."""
    mask = torch.zeros(maps.shape, dtype=torch.bool) if mask is None else mask
    return SaliencyBatch(maps / maps.sum(dim=(1, 2), keepdim=True), mask, mask, tuple(range(len(maps))))


def test_gini_of_a_map_by_hand() -> None:
    assert sparseness(batch_of(torch.tensor([MAP]))).item() == pytest.approx(0.546296, abs=1e-6)


@pytest.mark.parametrize("n", [2, 12, 2400])
def test_gini_of_a_ramp_a_point_and_a_uniform_map(n: int) -> None:
    point = torch.zeros(n)
    point[n // 2] = 1
    maps = torch.stack([torch.arange(1, n + 1).float(), point, torch.ones(n)]).view(3, 1, n)
    expected = [(n - 1) / (3 * n), 1 - 1 / n, 0]
    assert sparseness(batch_of(maps)).tolist() == pytest.approx(expected, abs=1e-6)


def test_gini_does_not_depend_on_scale_flips_or_the_batch() -> None:
    maps = torch.rand(4, 9, 7, generator=torch.Generator().manual_seed(0))
    values = sparseness(batch_of(maps))
    assert torch.allclose(sparseness(batch_of(maps.flip(2) * 7)), values, rtol=1e-6)
    assert torch.equal(torch.cat([sparseness(batch_of(one[None])) for one in maps]), values)


@pytest.mark.parametrize("power", [0, 1, 6])
def test_gini_is_half_the_relative_mean_difference_of_pairs(power: int) -> None:
    values = torch.rand(60, generator=torch.Generator().manual_seed(power)) ** power
    saliency = batch_of(values.view(1, 6, 10)).saliency.flatten().double()
    pairs = (saliency[:, None] - saliency).abs().mean() / (2 * saliency.mean())
    assert sparseness(batch_of(values.view(1, 6, 10))).item() == pytest.approx(pairs.item(), abs=1e-9)


def test_maps_that_say_nothing_count_as_uniform_ones() -> None:
    raw = torch.zeros(3, 12, 10)
    raw[1], raw[2, 3, 4] = 0.3, float("nan")
    mask = torch.rand(3, 12, 10, generator=torch.Generator().manual_seed(2)) < 0.2
    found = SaliencyBatch(normalise(raw, status_of(raw)), mask, mask)
    assert sparseness(found).tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    assert torch.equal(pxap(found), pxap(batch_of(torch.ones(3, 12, 10), mask)))


def pooled(statistics: Tensor) -> float:
    return float(RULES.get("pooled_average_precision").compute(statistics.sum(dim=0).double().numpy()))


def test_pooled_precision_of_two_maps_by_hand() -> None:
    maps = torch.tensor([[[1, 0.5, 0, 0]], [[0, 1, 0.5, 0]]])
    masks = torch.tensor([[[1, 0, 0, 0]], [[0, 0, 1, 1]]]).bool()
    assert pooled(pxap(batch_of(maps, masks))) == pytest.approx(45.8333, abs=1e-4)
    alone = [pooled(pxap(batch_of(maps[n : n + 1], masks[n : n + 1]))) for n in range(2)]
    assert sum(alone) / 2 == pytest.approx(75)


def test_pooled_precision_of_one_map_by_hand() -> None:
    mask = torch.zeros(1, 3, 4, dtype=torch.bool)
    mask[0, :2, :2] = True
    assert pooled(pxap(batch_of(torch.tensor([MAP]), mask))) == pytest.approx(91.667, abs=1e-3)


def test_pooled_precision_of_maps_in_thousandths_is_exact() -> None:
    generator = np.random.default_rng(4)
    levels = generator.integers(0, 1001, (4, 13, 17))
    levels[:, 0, :2] = 0, 1000
    masks = levels + generator.normal(0, 400, levels.shape) > 600
    given = torch.from_numpy(levels).float(), *[torch.from_numpy(masks)] * 2
    expected = 100 * average_precision_score(masks.ravel(), levels.ravel())
    assert pooled(pxap(SaliencyBatch(*given))) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("bins", [101, 1001])
def test_pooled_precision_is_that_of_all_pixels_where_maps_have_as_many_levels(bins: int) -> None:
    generator = np.random.default_rng(3)
    levels = generator.integers(0, bins, (5, 20, 30))
    levels[:, 0, 0], levels[:, 0, 1] = 0, bins - 1  # so that scaling to 0 … 1 is dividing by the highest
    masks = levels + generator.normal(0, bins / 3, levels.shape) > bins / 2
    batch = batch_of(torch.from_numpy(levels).double(), torch.from_numpy(masks))
    expected = 100 * average_precision_score(masks.ravel(), levels.ravel())
    assert pooled(pxap(batch, bins=bins)) == pytest.approx(expected, abs=0.2 if bins == 101 else 0.05)


def test_region_itself_scores_100_and_a_constant_map_the_share_of_the_regions() -> None:
    masks = torch.zeros(2, 8, 8, dtype=torch.bool)
    masks[0, :4, :4] = masks[1, 2:, 2:] = True
    assert pooled(pxap(batch_of(masks.float(), masks))) == pytest.approx(100)
    assert pooled(pxap(batch_of(torch.ones(2, 8, 8), masks))) == pytest.approx(100 * 52 / 128)


def test_statistics_add_up_and_count_every_pixel() -> None:
    maps = torch.rand(3, 6, 5, generator=torch.Generator().manual_seed(1))
    masks = maps > 0.5
    statistics = pxap(batch_of(maps, masks))
    assert statistics.shape == (3, 2002)
    assert statistics[:, :1001].sum(dim=1).tolist() == masks.flatten(1).sum(dim=1).tolist()
    assert statistics.sum(dim=1).tolist() == [30, 30, 30]
    assert torch.equal(pxap(batch_of(maps[1:2], masks[1:2]))[0], statistics[1])


def test_maps_of_any_size_are_compared_at_one_side() -> None:
    masks = torch.zeros(1, 10, 20, dtype=torch.bool)
    masks[0, :, :10] = True
    statistics = pxap(batch_of(masks.float(), masks), side=4)
    assert statistics.sum().item() == 16
    assert pooled(statistics) == pytest.approx(100)


def test_no_object_anywhere_has_no_value() -> None:
    assert np.isnan(pooled(pxap(batch_of(torch.rand(2, 4, 4)))))
