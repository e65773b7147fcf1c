"""The map that is scored, against torch, scipy and TorchRay."""

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F

from raybench.base.geometry import Size
from raybench.benchmark.measuring.maps import prepare_saliency, resize_bilinear, smooth, status_of
from raybench.benchmark.measuring.scoring import near_the_middle
from raybench.benchmark.results.files.rows import STATUSES
from raybench.benchmark.suite.protocol import PROTOCOLS, protocol_from


def random_maps(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("old", [(14, 19), (7, 7), (1, 3), (28, 12)])
@pytest.mark.parametrize("new", [(375, 500), (50, 33), (7, 7), (3, 2)])
def test_resize_samples_as_interpolate_does(old: tuple[int, int], new: tuple[int, int]) -> None:
    maps = random_maps(3, *old)
    expected = F.interpolate(maps[:, None], size=new, mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(resize_bilinear(maps, Size(*new)), expected, rtol=1e-5, atol=5e-6)


def test_resize_is_exact_beyond_the_last_sample_centre() -> None:
    maps = random_maps(1, 14, 19)
    maps[0, -1, -1] = 1.5
    resized = resize_bilinear(maps, Size(375, 500))[0]
    corner = resized[-13:, -13:]
    assert torch.equal(corner, torch.full_like(corner, 1.5))
    # the peak is a plateau, and its first pixel in reading order is the point of the pointing game
    row, column = divmod(int(resized.argmax()), 500)
    assert row == int((resized == 1.5).nonzero()[0, 0])
    assert column == int((resized == 1.5).nonzero()[0, 1])


@pytest.mark.parametrize("sigma", [0.7, 2.0, 5.3])
def test_smooth_equals_scipy_gaussian(sigma: float) -> None:
    maps = random_maps(2, 40, 61)
    expected = np.stack(
        [
            scipy.ndimage.gaussian_filter(
                one.double().numpy(), sigma, mode="nearest", radius=int(np.ceil(4 * sigma))
            )
            for one in maps
        ]
    )
    np.testing.assert_allclose(smooth(maps, sigma).numpy(), expected, rtol=1e-4)


def test_status_names_every_kind_of_map() -> None:
    maps = torch.stack(
        [
            random_maps(3, 4),
            torch.zeros(3, 4),
            torch.full((3, 4), 2.0),
            torch.tensor([[0.0, torch.nan], [1, 2]]).repeat(1, 2)[:1].expand(3, 4),
            torch.tensor([1.0, torch.inf, 0, 0]).expand(3, 4),
        ]
    )
    assert [STATUSES[code] for code in status_of(maps)] == ["ok", "zero", "constant", "nan", "nan"]


@pytest.mark.parametrize("value", [0.0, 3.0, torch.nan])
def test_degenerate_map_becomes_uniform_with_its_peak_at_the_first_pixel(value: float) -> None:
    maps = torch.full((1, 7, 9), value)
    saliency = prepare_saliency(maps, status_of(maps), Size(33, 50), PROTOCOLS["iccv19"], smoothed=True)
    assert torch.equal(saliency, torch.full((1, 33, 50), 1 / (33 * 50)))
    assert saliency.flatten().argmax() == 0


def test_prepared_map_follows_the_published_arithmetic() -> None:
    raw = random_maps(1, 2, 3)
    normal = raw / (raw.sum() + 1e-8) + 1e-8
    expected = F.interpolate(normal[None], size=(11, 23), mode="bilinear", align_corners=False)[0]
    expected = expected / expected.sum()
    actual = prepare_saliency(raw, status_of(raw), Size(11, 23), PROTOCOLS["aaai21"], smoothed=True)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-9)


def test_smoothing_happens_only_for_methods_and_protocols_that_smooth() -> None:
    raw = random_maps(1, 30, 40)
    size, status = Size(30, 40), status_of(raw)
    plain = prepare_saliency(raw, status, size, PROTOCOLS["iccv19"], smoothed=False)
    smoothed = prepare_saliency(raw, status, size, PROTOCOLS["iccv19"], smoothed=True)
    never = prepare_saliency(raw, status, size, protocol_from("iccv19", {"smoothing": 0.0}), smoothed=True)
    assert torch.equal(plain, never)
    blurred = scipy.ndimage.gaussian_filter(raw[0].double().numpy(), 0.8, mode="nearest", radius=4)
    np.testing.assert_allclose(smoothed[0].numpy(), blurred / blurred.sum(), rtol=1e-4)


def test_the_exact_middle_lies_between_pixels_where_a_side_is_odd() -> None:
    masks = torch.zeros(2, 1, 5, dtype=torch.bool)
    masks[0, 0, 0] = masks[1, 0, 4] = True  # 2.5 to the left of the exact middle, 1.5 to the right, 0.5 below
    near = torch.ones_like(masks)
    expected = {2.5: [False, True], 2.6: [True, True], 1.58: [False, False], 1.59: [False, True]}
    for tolerance, middle in expected.items():
        found = near_the_middle(masks, near, tolerance)
        assert found[:, 0, 2].tolist() == middle
        assert found.sum() == 8 + sum(middle)
    assert near.all()
