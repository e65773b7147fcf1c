"""Boxes of maps: OpenCV's contours, boxes by hand, and the best threshold of a set."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import find_objects, gaussian_filter, label

from raybench.base import Box
from raybench.benchmark.metrics import SaliencyBatch, bind_metric
from raybench.benchmark.metrics.localisation import contours
from raybench.benchmark.metrics.localisation.boxes import (
    box_localisation,
    max_box_accuracy,
    max_box_accuracy_cross_fitted,
)
from raybench.benchmark.metrics.localisation.contours import best_overlaps, boxes_above, in_bytes
from raybench.benchmark.statistics import RULES, Statistic, estimate

SIDE = 48


def smooth_bytes(sigma: float, seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).random((SIDE, SIDE))
    return in_bytes(torch.from_numpy(gaussian_filter(noise, sigma) if sigma else noise)[None])[0]


def hill_bytes(x: float, y: float, sigma: float) -> NDArray[np.uint8]:
    row, column = (np.exp(-0.5 * ((np.arange(SIDE) - at) / sigma) ** 2) for at in (y, x))
    return in_bytes(torch.from_numpy(np.outer(row, column))[None])[0]


def opencv_boxes(foreground: NDArray[np.bool_]) -> NDArray[np.int64]:
    contours, _ = cv2.findContours(foreground.astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [(x, y, x + w, y + h) for x, y, w, h in map(cv2.boundingRect, contours)] or [(0, 0, 0, 0)]
    return np.minimum(boxes, SIDE - 1)


@pytest.mark.parametrize(("sigma", "seed"), [(0, 0), (1, 1), (2, 2), (5, 3)])
def test_boxes_above_every_level_are_those_of_opencv(sigma: float, seed: int) -> None:
    levels = smooth_bytes(sigma, seed)
    for level in range(0, 256, 3):
        found = boxes_above(levels > level, "all")
        assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, opencv_boxes(levels > level).tolist()))


def overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    pixels = [{(x, y) for x in range(a, c + 1) for y in range(b, d + 1)} for a, b, c, d in (one, other)]
    return len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1])


@pytest.mark.parametrize(
    "levels",
    [smooth_bytes(3, 4), hill_bytes(20, 31, 6), hill_bytes(47, 0, 9), np.zeros((SIDE, SIDE), np.uint8)],
    ids=["smooth", "hill", "corner", "constant"],
)
def test_best_overlaps_are_those_of_single_thresholds_with_counted_pixels(levels: NDArray[np.uint8]) -> None:
    truth = np.array([[5, 8, 30, 40], [20, 20, 24, 60]])
    found = best_overlaps(levels, truth, "all")
    for level in range(0, 255, 17):
        boxes = opencv_boxes(levels > level)
        expected = max(overlap(box, true) for box in boxes for true in truth)
        assert found[level] == pytest.approx(expected, abs=1e-12)


def two_hills() -> NDArray[np.uint8]:
    return np.maximum(hill_bytes(10, 10, 3), hill_bytes(34, 30, 5))


@pytest.mark.parametrize("levels", [hill_bytes(20, 31, 6), hill_bytes(3, 3, 20), two_hills()])
@pytest.mark.parametrize("which", ["all", "largest"])
def test_a_hill_has_the_boxes_that_labelling_finds(levels: NDArray[np.uint8], which: str) -> None:
    truth = np.array([[12, 20, 30, 40]])
    slow = [best_overlaps((levels > level) * np.uint8(255), truth, which)[0] for level in range(255)]
    assert best_overlaps(levels, truth, which).tolist() == slow


def test_the_largest_component_counts_its_holes() -> None:
    foreground = np.zeros((20, 20), dtype=bool)
    foreground[2:9, 3:10] = True
    foreground[4:7, 5:8] = False  # a ring of 40 pixels around a hole of 9
    foreground[12:18, 12:19] = True  # 42 pixels
    assert boxes_above(foreground, "largest").tolist() == [[3, 2, 10, 9]]
    assert sorted(boxes_above(foreground, "all").tolist()) == [[3, 2, 10, 9], [4, 3, 9, 8], [12, 12, 19, 18]]


def batch_with(saliency: torch.Tensor, *boxes: Box) -> SaliencyBatch:
    mask = torch.zeros(saliency.shape, dtype=torch.bool)
    for box in boxes:
        mask[:, box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = True
    return SaliencyBatch(saliency / saliency.sum(), mask, mask, boxes=(boxes,) * len(saliency))


def rate(statistics: torch.Tensor) -> float:
    return float(RULES.get("best_threshold").compute(statistics.sum(dim=0).double().numpy()))


def test_first_and_any_box_of_an_image() -> None:
    saliency = torch.zeros(1, 40, 40)
    saliency[0, 20:38, 22:36] = 1
    far, near = Box(0, 0, 5, 5), Box(22, 20, 35, 37)
    for boxes, first in (((far, near), 0), ((near, far), 100)):
        batch = batch_with(saliency, *boxes)
        assert rate(max_box_accuracy(batch, truth="any")) == 100
        assert rate(max_box_accuracy(batch, truth="first")) == first
        assert rate(bind_metric("max_box_accuracy_v1")(batch)) == first
        assert box_localisation(batch).tolist() == [100]


def test_overlaps_by_hand_and_their_mean() -> None:
    saliency = torch.zeros(1, 32, 32)
    saliency[0, 8:24, 8:24] = 1
    # the map's box is 8 ... 24, and the true one 1 + 8 ... 1 + 23, both ends inside: 16 * 16 of 17 * 17
    batch = batch_with(saliency, Box(8, 8, 23, 23))
    expected = 256 / 289
    for wanted, hit in ((expected - 1e-6, 100), (expected + 1e-6, 0)):
        assert rate(max_box_accuracy(batch, overlaps=(wanted,), side=32)) == hit
    assert rate(max_box_accuracy(batch, overlaps=(0.5, 0.95), side=32)) == 50


def test_a_mask_without_boxes_has_those_of_its_parts() -> None:
    saliency = torch.zeros(1, 32, 32)
    saliency[0, 4:10, 4:10] = 1
    batch = batch_with(saliency, Box(4, 4, 9, 9), Box(20, 20, 30, 30))
    unknown = SaliencyBatch(batch.saliency, batch.mask, batch.near)
    assert torch.equal(max_box_accuracy(unknown, side=32), max_box_accuracy(batch, side=32))


def test_the_threshold_is_chosen_for_the_set_not_for_each_query() -> None:
    hits = torch.zeros(4, 256, dtype=torch.int64)
    hits[:, 255] = 1
    hits[0, 10] = hits[1, 20] = hits[2, 20] = 1
    assert rate(hits) == 50


def test_each_half_is_judged_at_the_threshold_of_the_other() -> None:
    halves = np.zeros((2, 256))
    halves[0, [10, 20, 255]], halves[1, [10, 20, 255]] = (3, 2, 4), (1, 5, 5)
    rule = RULES.get("threshold_of_other_half")
    # the first half at level 20: 2 of 4; the second at level 10: 1 of 5
    assert rule.compute(halves.ravel()) == pytest.approx(100 * (2 / 4 + 1 / 5) / 2)
    assert rule.settled is not None
    assert rule.settled(halves.ravel())(halves.ravel()) == rule.compute(halves.ravel())
    both = rule.compute(np.stack([halves.ravel(), 0 * halves.ravel()]))
    assert both[0] == pytest.approx(35)
    assert np.isnan(both[1])
    batch = batch_with(torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(1)), Box(2, 2, 8, 8))
    batch = dataclasses.replace(batch, seeds=(4, 7, 9))
    found, plain = max_box_accuracy_cross_fitted(batch), max_box_accuracy(batch)
    assert torch.equal(found.view(3, 2, -1).sum(dim=1), plain)
    assert found.view(3, 2, -1)[:, :, -1].tolist() == [[1, 0], [0, 1], [0, 1]]


def test_corners_of_many_parts_are_those_that_scipy_finds() -> None:
    parts, count = label(np.random.default_rng(3).random((60, 83)) < 0.3)
    slices = [(x.start, y.start, x.stop, y.stop) for y, x in find_objects(parts)]
    assert count > contours._MANY
    assert contours._corners(parts).tolist() == list(map(list, slices))


def test_equally_good_thresholds_do_not_widen_the_interval() -> None:
    hits = np.random.default_rng(0).random(200) < 0.4
    one, many = np.zeros((200, 256)), np.ones((200, 256))
    one[:, 7], one[:, 255], many[:, :255] = hits, 1, hits[:, None]
    rule = RULES.get("best_threshold")
    mean = Statistic(np.stack([hits, np.ones(200)], axis=1), lambda sums: 100 * sums[..., 0] / sums[..., 1])
    for statistics in (one, many):
        found = estimate(Statistic(statistics, rule.compute, settled=rule.settled))
        assert found == pytest.approx(estimate(mean), abs=1e-6)


def test_constant_maps_and_empty_regions() -> None:
    constant = batch_with(torch.ones(1, 20, 20), Box(2, 2, 8, 8))
    assert rate(max_box_accuracy(constant)) == 0
    empty = batch_with(torch.rand(1, 20, 20, generator=torch.Generator().manual_seed(0)))
    assert max_box_accuracy(empty).sum() == 0
    assert box_localisation(empty).isnan().all()
