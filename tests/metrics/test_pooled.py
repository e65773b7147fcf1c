"""Average precision over the pixels of a whole set: by hand, and against scikit-learn on the pooled pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import HAND_MAP, HAND_REGION, maps_with
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from raybench.base.errors import RaybenchError
from raybench.benchmark.measuring.maps import normalise, status_of
from raybench.benchmark.metrics import METRICS, bind_metric, pxap

FIRST, SECOND = ([[1, 0.5, 0, 0]], [[1, 0, 0, 0]]), ([[0, 1, 0.5, 0]], [[0, 0, 1, 1]])


def value_of(histograms: torch.Tensor) -> float:
    """Value of the whole set, from the histograms of its queries."""
    sums = histograms.sum(dim=0).double().numpy()
    return float(METRICS.get("pxap").compute(sums))


def test_the_set_worked_out_by_hand_is_pooled_and_no_mean() -> None:
    both = torch.cat([pxap(maps_with(*FIRST)), pxap(maps_with(*SECOND))])
    assert value_of(both) == pytest.approx(45.8333, abs=1e-4)
    alone = [value_of(one[None]) for one in both]
    assert sum(alone) / 2 == pytest.approx(75)


def test_the_map_worked_out_by_hand_has_its_average_precision() -> None:
    assert value_of(pxap(maps_with(HAND_MAP, HAND_REGION))) == pytest.approx(91.667, abs=1e-3)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 5), st.sampled_from([0.02, 0.4]), st.sampled_from([1, 5]))
def test_on_maps_of_thousandths_it_is_that_of_scikit_learn(
    seed: int, count: int, share: float, power: int
) -> None:
    rng = np.random.default_rng(seed)
    thousandths = np.floor(1001 * rng.random((count, 13, 17)) ** power)
    thousandths[:, 0, :2] = 0, 1000  # so that scaling each map to 0 ... 1 changes nothing
    regions = rng.random(thousandths.shape) < share
    regions[0, 5, 5] = True
    expected = 100 * average_precision_score(regions.flatten(), thousandths.flatten())
    assert value_of(pxap(maps_with(thousandths, regions))) == pytest.approx(expected, abs=1e-9)


def smooth_maps() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    x = np.linspace(-2, 2, 80)
    centres = np.random.default_rng(2).uniform(-1, 1, (6, 2))
    maps = [np.exp(-((x[:, None] - a) ** 2) - (x - b) ** 2) for a, b in centres]
    regions = [(abs(x[:, None] - a - 0.3) < 0.5) & (abs(x - b) < 0.6) for a, b in centres]
    return np.stack(maps), np.stack(regions)


def test_a_thousand_thresholds_are_as_good_as_all() -> None:
    maps, regions = smooth_maps()
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    exact = average_precision_score(regions.flatten(), ((maps - low) / (high - low)).flatten())
    assert value_of(pxap(maps_with(maps, regions))) == pytest.approx(100 * exact, abs=0.05)


def test_every_pixel_is_counted_once_on_its_side_of_the_region() -> None:
    maps, regions = smooth_maps()
    inside, outside = pxap(maps_with(maps, regions), bins=64).split(64, dim=1)
    assert inside.sum(dim=1).tolist() == regions.sum(axis=(1, 2)).tolist()
    assert outside.sum(dim=1).tolist() == (~regions).sum(axis=(1, 2)).tolist()


def test_the_region_as_a_map_is_perfect_and_a_uniform_map_has_the_share_of_the_region() -> None:
    _, regions = smooth_maps()
    assert value_of(pxap(maps_with(regions, regions))) == METRICS.get("pxap").perfect
    uniform = np.full(regions.shape, 1 / regions[0].size)
    assert value_of(pxap(maps_with(uniform, regions))) == pytest.approx(100 * regions.mean())


def test_neither_scale_nor_a_pedestal_of_a_map_matters() -> None:
    thousandths = np.floor(1001 * np.random.default_rng(4).random((2, 20, 20)))
    regions = thousandths > 700
    moved = thousandths * np.array([0.5, 4.0])[:, None, None] + 64
    assert pxap(maps_with(moved, regions)).equal(pxap(maps_with(thousandths, regions)))


def test_side_counts_the_pixels_of_a_square() -> None:
    maps, regions = smooth_maps()
    at_40 = pxap(maps_with(maps, regions), side=40)
    assert at_40.sum(dim=1).tolist() == [1600] * len(maps)
    # twice as many pixels each way show the same picture
    enlarged = np.repeat(np.repeat(regions, 2, axis=1), 2, axis=2)
    small = pxap(maps_with(regions, regions))
    assert pxap(maps_with(enlarged, enlarged), side=80).equal(small)


def test_a_set_without_a_pixel_of_a_region_has_no_value() -> None:
    assert np.isnan(value_of(pxap(maps_with([[1, 2], [3, 4]], [[0, 0], [0, 0]]))))


def test_maps_that_say_nothing_count_as_a_uniform_one() -> None:
    _, regions = smooth_maps()
    raw = torch.zeros(3, *regions[0].shape)
    raw[1], raw[2, 3, 4] = 0.3, float("nan")
    found = pxap(maps_with(normalise(raw, status_of(raw)), regions[:3]))
    assert found.equal(pxap(maps_with(torch.ones_like(raw), regions[:3])))


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(RaybenchError, match="bins"):
        bind_metric("pxap", {"bins": 1})
