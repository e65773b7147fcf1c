"""The Gini index of maps: by hand, in closed form, by its definition over pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from metric_cases import HAND_MAP, maps_with

from raybench.benchmark.measuring.maps import normalise, status_of
from raybench.benchmark.metrics import METRICS, sparseness


def test_the_map_worked_out_by_hand_has_its_gini_index() -> None:
    assert sparseness(maps_with(HAND_MAP)).item() == pytest.approx(0.546296, abs=5e-7)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (7, 5), (224, 224)])
def test_uniform_ramp_and_one_pixel_have_their_closed_forms(height: int, width: int) -> None:
    n = height * width
    ramp = np.random.default_rng(0).permutation(n).reshape(height, width) + 1.0
    pixel = np.zeros((height, width))
    pixel[-1, 0] = 1
    found = sparseness(maps_with(np.stack((np.full((height, width), 1 / n), ramp, pixel)))).tolist()
    assert found == pytest.approx([0, (n - 1) / (3 * n), 1 - 1 / n], abs=1e-9)


@given(st.integers(1, 60), st.integers(0, 2**32), st.sampled_from([0, 1, 6]))
def test_it_is_half_the_relative_mean_difference_of_pairs(n: int, seed: int, power: int) -> None:
    values = np.random.default_rng(seed).random(n).astype(np.float32) ** power
    pairs = np.abs(values[:, None].astype(float) - values).mean() / (2 * values.astype(float).mean())
    assert sparseness(maps_with(values[None])).item() == pytest.approx(pairs, abs=1e-9)


@given(st.integers(0, 2**32), st.sampled_from([2.0**-18, 4.0, 2.0**18]))
def test_neither_scale_nor_place_of_the_pixels_matters(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    saliency = rng.random((6, 9)).astype(np.float32)
    moved = rng.permutation(saliency.flatten()).reshape(9, 6) * factor
    expected = sparseness(maps_with(saliency)).item()
    assert sparseness(maps_with(moved)).item() == pytest.approx(expected, rel=1e-12)


def test_a_map_has_the_same_value_alone_and_among_others() -> None:
    maps = np.random.default_rng(1).random((5, 40, 30))
    alone = [sparseness(maps_with(one)).item() for one in maps]
    assert sparseness(maps_with(maps)).tolist() == alone


def test_maps_that_say_nothing_have_the_value_of_a_uniform_one() -> None:
    raw = torch.zeros(3, 12, 10)
    raw[1], raw[2, 3, 4] = 0.3, float("nan")
    found = sparseness(maps_with(normalise(raw, status_of(raw))))
    assert found.tolist() == pytest.approx([METRICS.get("sparseness").chance] * 3, abs=1e-9)
