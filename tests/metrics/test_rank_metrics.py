"""Metrics of the order of pixels and of thresholds on single maps: by hand, and by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, jaccard_score, roc_auc_score
from torch import Tensor

from raybench.benchmark.metrics import SaliencyBatch, bind_metric
from raybench.benchmark.metrics.complexity import effective_complexity, entropy
from raybench.benchmark.metrics.localisation.overlap import best_iou, iou_at_mean, mean_iou, pixel_accuracy
from raybench.benchmark.metrics.localisation.ranking import (
    pixel_auroc,
    pixel_average_precision,
    relevance_rank_accuracy,
    top_k_intersection,
)
from raybench.benchmark.statistics import RULES

MAP = [[4.0, 4, 2, 0], [3, 2, 2, 0], [1, 0, 0, 0]]
RANK_ALONE = (relevance_rank_accuracy, top_k_intersection, pixel_average_precision, pixel_auroc, best_iou)


def batch_of(maps: Tensor, masks: Tensor) -> SaliencyBatch:
    return SaliencyBatch(maps / maps.sum(dim=(1, 2), keepdim=True), masks, masks)


def by_hand() -> SaliencyBatch:
    mask = torch.zeros(1, 3, 4, dtype=torch.bool)
    mask[0, :2, :2] = True
    return batch_of(torch.tensor([MAP]), mask)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("relevance_rank_accuracy", {}, 100 * (3 + 1 / 3) / 4),
        ("top_k_intersection", {"k": 3}, 100),
        ("top_k_intersection", {"k": 5}, 100 * (3 + 2 / 3) / 5),
        ("top_k_intersection", {"share": 0.45}, 100 * (3 + 2 / 3) / 5),
        ("top_k_intersection", {}, 100 / 3),
        ("pixel_average_precision", {}, 91.666667),
        ("pixel_auroc", {}, 96.875),
        ("iou_at_mean", {}, 400 / 6),
        ("best_iou", {}, 75),
        ("entropy", {}, 0.748555),
        ("effective_complexity", {}, 7 / 12),
        ("effective_complexity", {"level": 0.5}, 3 / 12),
    ],
)
def test_values_of_a_map_worked_out_by_hand(name: str, options: dict[str, float], expected: float) -> None:
    assert bind_metric(name, options)(by_hand()).item() == pytest.approx(expected, abs=1e-4)


def some_maps(levels: int) -> tuple[Tensor, Tensor]:
    generator = np.random.default_rng(levels)
    maps = generator.integers(0, levels, (6, 23, 31)).astype(np.float32)
    masks = maps + generator.normal(0, levels / 2, maps.shape) > levels * 0.6
    return torch.from_numpy(maps), torch.from_numpy(masks)


@pytest.mark.parametrize("levels", [2, 7, 10**6])
def test_average_precision_and_auroc_are_those_of_scikit_learn_with_ties_and_without(levels: int) -> None:
    maps, masks = some_maps(levels)
    truth, scores = masks.flatten(1).numpy(), maps.flatten(1).numpy()
    batch = SaliencyBatch(maps, masks, masks)
    expected = [100 * average_precision_score(*pair) for pair in zip(truth, scores, strict=True)]
    assert pixel_average_precision(batch).tolist() == pytest.approx(expected, abs=1e-10)
    expected = [100 * roc_auc_score(*pair) for pair in zip(truth, scores, strict=True)]
    assert pixel_auroc(batch).tolist() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("levels", [3, 50])
def test_best_and_mean_threshold_overlap_is_that_of_scikit_learn(levels: int) -> None:
    maps, masks = some_maps(levels)
    batch = SaliencyBatch(maps, masks, masks)
    for row, (one, mask) in enumerate(zip(maps.numpy(), masks.numpy().reshape(6, -1), strict=True)):
        cut = [jaccard_score(mask, one.ravel() >= value) for value in np.unique(one)]
        assert best_iou(batch)[row].item() == pytest.approx(100 * max(cut), abs=1e-10)
        at_mean = jaccard_score(mask, one.ravel() > one.mean())
        assert iou_at_mean(batch)[row].item() == pytest.approx(100 * at_mean, abs=1e-10)


def test_rank_accuracy_without_ties_counts_the_first_pixels_in_order() -> None:
    generator = np.random.default_rng(1)
    maps = torch.from_numpy(generator.permuted(np.arange(1, 701.0).reshape(1, -1).repeat(3, 0), axis=1))
    masks = torch.from_numpy(generator.random((3, 700)) < 0.3)
    batch = SaliencyBatch(maps.float().view(3, 20, 35), *[masks.view(3, 20, 35)] * 2)
    for row, (one, mask) in enumerate(zip(maps.numpy(), masks.numpy(), strict=True)):
        first = mask[np.argsort(-one)]
        expected = 100 * first[: mask.sum()].mean()
        assert relevance_rank_accuracy(batch)[row].item() == pytest.approx(expected, abs=1e-12)
        assert top_k_intersection(batch, k=90)[row].item() == pytest.approx(100 * first[:90].mean())


def test_a_constant_map_scores_the_share_of_the_region_wherever_it_lies() -> None:
    masks = torch.zeros(3, 8, 10, dtype=torch.bool)
    masks[0, :4, :5] = masks[1, 4:, 5:] = masks[2, ::2, ::2] = True
    batch = batch_of(torch.ones(3, 8, 10), masks)
    for metric in (relevance_rank_accuracy, top_k_intersection, pixel_average_precision, best_iou):
        assert metric(batch).tolist() == pytest.approx([25, 25, 25], abs=1e-12)
    assert pixel_auroc(batch).tolist() == [50, 50, 50]
    assert iou_at_mean(batch).tolist() == [0, 0, 0]
    assert entropy(batch).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert effective_complexity(batch).tolist() == [1, 1, 1]


def test_one_pixel_has_no_entropy() -> None:
    maps = torch.zeros(1, 5, 6)
    maps[0, 2, 3] = 1
    assert entropy(batch_of(maps, maps > 0)).item() == 0


def test_a_region_of_no_pixel_has_no_value_and_one_of_all_no_auroc() -> None:
    masks = torch.zeros(2, 4, 5, dtype=torch.bool)
    masks[1] = True
    batch = batch_of(torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(0)), masks)
    for metric in (*RANK_ALONE, iou_at_mean):
        assert metric(batch)[0].isnan()
        assert metric(batch)[1].isnan() == (metric is pixel_auroc)
    assert mean_iou(batch)[0].tolist() == [0, 0, 0, 0]


def test_counts_of_a_set_by_hand() -> None:
    counts = mean_iou(by_hand())
    assert counts.tolist() == [[4, 2, 0, 6]]
    assert torch.equal(counts, pixel_accuracy(by_hand()))
    # a second map of 4 pixels: 1 right, 1 wrong, 1 missed, 1 left
    second = batch_of(torch.tensor([[[1.0, 1, 0, 0]]]), torch.tensor([[[True, False, True, False]]]))
    sums = (counts + mean_iou(second)).sum(dim=0).double().numpy()
    assert RULES.get("share_of_right_pixels").compute(sums) == pytest.approx(100 * 12 / 16)
    assert RULES.get("iou_of_both_sides").compute(sums) == pytest.approx(100 * (5 / 9 + 7 / 11) / 2)
    assert np.isnan(RULES.get("iou_of_both_sides").compute(np.zeros(4)))
