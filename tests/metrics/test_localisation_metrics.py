"""Pointing game, stochastic pointing game and content heatmap: by hand, by property, by brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets.region import MaskRegion
from raybench.benchmark.metrics import METRICS, SaliencyBatch, bind_metric
from raybench.benchmark.metrics.localisation.points import (
    content_heatmap,
    pointing_game,
    stochastic_pointing_game,
)

TOLERANCE = 15


def batch_of(
    saliency: np.ndarray, mask: np.ndarray, tolerance: float = TOLERANCE, seed: int = 0
) -> SaliencyBatch:
    near = MaskRegion(mask).near(tolerance)
    return SaliencyBatch(
        torch.tensor(saliency, dtype=torch.float32)[None],
        torch.from_numpy(mask.copy())[None],
        torch.from_numpy(near)[None],
        (seed,),
    )


@st.composite
def maps_and_masks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    saliency = rng.random((height, width)).astype(np.float32) ** draw(st.sampled_from([1, 8]))
    mask = rng.random((height, width)) < draw(st.sampled_from([0.02, 0.3]))
    return saliency, mask


def test_a_hit_lies_strictly_closer_than_the_tolerance() -> None:
    mask = np.zeros((10, 60), dtype=bool)
    mask[4, 5] = True
    for distance, expected in [(14, 100), (15, 0)]:
        saliency = np.full((10, 60), 0.1)
        saliency[4, 5 + distance] = 1
        assert pointing_game(batch_of(saliency, mask)).item() == expected


def test_values_of_a_map_worked_out_by_hand() -> None:
    # 2 rows x 4 columns; the object is column 0, and only columns 0 and 1 are closer than 2 pixels
    saliency = np.array([[1, 2, 3, 0], [1, 0, 0, 3]], dtype=float)
    mask = np.array([[1, 0, 0, 0], [1, 0, 0, 0]], dtype=bool)
    batch = batch_of(saliency, mask, tolerance=2)
    assert content_heatmap(batch).item() == pytest.approx(20)
    assert stochastic_pointing_game(batch).item() == pytest.approx(40)
    assert pointing_game(batch).item() == 0
    assert batch.points.tolist() == [[2, 0]]


def test_first_pixel_in_row_major_order_wins_a_tie() -> None:
    saliency = np.zeros((5, 7))
    saliency[3, 1] = saliency[1, 6] = saliency[1, 5] = 1
    assert batch_of(saliency, saliency > 2).points.tolist() == [[5, 1]]


def test_empty_region_is_never_hit() -> None:
    batch = batch_of(np.ones((6, 9)), np.zeros((6, 9), dtype=bool))
    for metric in (pointing_game, stochastic_pointing_game, content_heatmap):
        assert metric(batch).item() == 0


@given(maps_and_masks())
def test_spg_is_at_least_ch(case: tuple[np.ndarray, np.ndarray]) -> None:
    batch = batch_of(*case)
    assert stochastic_pointing_game(batch).item() >= content_heatmap(batch).item() - 1e-9


@given(maps_and_masks())
def test_box_oracle_scores_100_everywhere(case: tuple[np.ndarray, np.ndarray]) -> None:
    _, mask = case
    mask[-1, -1] = True
    batch = batch_of(mask.astype(float), mask)
    for metric in (pointing_game, stochastic_pointing_game, content_heatmap):
        assert metric(batch).item() == 100


@given(maps_and_masks(), st.sampled_from([2.0**-20, 2.0**-3, 4.0, 2.0**20]))
def test_positive_scaling_changes_nothing(case: tuple[np.ndarray, np.ndarray], factor: float) -> None:
    saliency, mask = case
    for metric in (pointing_game, stochastic_pointing_game, content_heatmap):
        assert metric(batch_of(saliency * factor, mask)).item() == metric(batch_of(saliency, mask)).item()


@given(maps_and_masks(), st.sampled_from([0, 1]))
def test_flipping_map_and_region_together_changes_nothing(
    case: tuple[np.ndarray, np.ndarray], axis: int
) -> None:
    saliency, mask = case
    plain, flipped = (
        batch_of(saliency, mask),
        batch_of(np.flip(saliency, axis).copy(), np.flip(mask, axis).copy()),
    )
    for metric in (stochastic_pointing_game, content_heatmap):
        assert metric(flipped).item() == pytest.approx(metric(plain).item(), rel=1e-6)
    if (saliency == saliency.max()).sum() == 1:  # ties are broken by reading order, which a flip reverses
        assert pointing_game(flipped).item() == pointing_game(plain).item()


@given(maps_and_masks())
def test_values_equal_brute_force_over_pixels(case: tuple[np.ndarray, np.ndarray]) -> None:
    saliency, mask = case
    inside = near = total = 0.0
    best, best_near = -1.0, False
    ys, xs = np.nonzero(mask)
    for y in range(saliency.shape[0]):
        for x in range(saliency.shape[1]):
            value = float(saliency[y, x])
            hit = len(xs) > 0 and ((ys - y) ** 2 + (xs - x) ** 2).min() < TOLERANCE**2
            total += value
            inside += value * mask[y, x]
            near += value * hit
            if value > best:
                best, best_near = value, hit
    batch = batch_of(saliency, mask)
    assert content_heatmap(batch).item() == pytest.approx(100 * inside / total, rel=1e-6)
    assert stochastic_pointing_game(batch).item() == pytest.approx(100 * near / total, rel=1e-6)
    assert pointing_game(batch).item() == 100 * best_near


@settings(deadline=None, max_examples=20)
@given(maps_and_masks(), st.integers(0, 2**62))
def test_sampled_spg_converges_to_the_exact_one(case: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    batch = batch_of(*case, seed=seed)
    exact = min(1.0, stochastic_pointing_game(batch).item() / 100)
    samples = 20_000
    sampled = stochastic_pointing_game(batch, samples=samples).item() / 100
    deviation = max(np.sqrt(exact * (1 - exact) / samples), 1 / samples)
    assert abs(sampled - exact) < 6 * deviation


def test_sampled_spg_never_draws_a_pixel_without_saliency() -> None:
    saliency = np.zeros((30, 40))
    saliency[:, 0] = 1
    mask = np.zeros((30, 40), dtype=bool)
    mask[:, 0] = True
    batch = batch_of(saliency, mask, tolerance=1)
    assert stochastic_pointing_game(batch, samples=5000).item() == 100


def test_sampled_spg_depends_on_the_seed_of_the_query_alone() -> None:
    rng = np.random.default_rng(3)
    saliency, mask = rng.random((20, 30)), rng.random((20, 30)) < 0.05
    one, two = (batch_of(saliency, mask, tolerance=2, seed=seed) for seed in (1, 2))
    both = SaliencyBatch(
        *(torch.cat([getattr(two, f), getattr(one, f)]) for f in ("saliency", "mask", "near")), (2, 1)
    )
    expected = [stochastic_pointing_game(batch, samples=100).item() for batch in (two, one)]
    assert stochastic_pointing_game(both, samples=100).tolist() == expected
    assert expected[0] != expected[1]


def test_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        RaybenchError, match="'stochastic_pointing_game' has no option 'sample'; its options: samples"
    ):
        bind_metric("stochastic_pointing_game", {"sample": 100})


def test_every_metric_says_what_it_is() -> None:
    for metric in METRICS:
        assert metric.summary.endswith(".")
        assert metric.label
        assert metric.aggregates
        assert metric.bounds[0] < metric.bounds[1]
