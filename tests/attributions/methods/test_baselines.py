"""Maps made without a network."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch

from raybench.attributions import box_oracle
from raybench.attributions.methods.baselines import center, center_gaussian, fake_cam, random, sobel, uniform


@pytest.mark.parametrize(
    ("height", "width", "pixel"), [(5, 7, [3, 2]), (480, 640, [320, 240]), (1, 1, [0, 0]), (2, 9, [4, 1])]
)
def test_center_is_one_at_the_middle_alone(height, width, pixel):
    maps = center(torch.zeros(2, height, width, dtype=torch.bool), [0, 0])
    x, y = pixel
    assert maps[:, y, x].tolist() == [1, 1]
    assert maps.sum() == 2


MASKS = torch.zeros(3, 40, 60, dtype=torch.bool)


def test_random_maps_depend_on_the_query_alone():
    maps = random(MASKS, [5, 2**62, 5])
    assert maps.shape == (3, 40, 60)
    assert maps.dtype == torch.float32
    assert torch.equal(maps[0], maps[2])
    assert not torch.equal(maps[0], maps[1])
    assert torch.equal(random(MASKS[:1], [2**62])[0], maps[1])
    assert torch.equal(random(~MASKS, [5, 2**62, 5]), maps)


def test_random_pixels_are_uniform_and_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    values = random(MASKS[:1], [1]).flatten().double()
    assert torch.equal(torch.get_rng_state(), state)
    assert values.min() >= 0
    assert values.max() < 1
    # 2400 draws of mean 1/2 and variance 1/12: four standard errors
    assert values.mean().item() == pytest.approx(0.5, abs=4 * (1 / 12 / 2400) ** 0.5)
    assert values.var().item() == pytest.approx(1 / 12, rel=0.1)


def test_uniform_maps_are_one_everywhere():
    assert torch.equal(uniform(MASKS, [0, 1, 2]), torch.ones(3, 40, 60))


def test_the_box_oracle_is_the_mask():
    masks = MASKS.clone()
    masks[1, 3:9, 50:] = True
    assert torch.equal(box_oracle(masks, [0, 0, 0]), masks.float())


@pytest.mark.parametrize("method", [random, uniform, box_oracle])
def test_no_queries_give_no_maps(method):
    assert method(MASKS[:0], []).shape == (0, 40, 60)


def test_the_centre_gaussian_falls_from_the_middle_and_is_round_in_a_square():
    maps = center_gaussian(torch.zeros(2, 6, 12, dtype=torch.bool), [0, 1], sigma=0.25)
    x, y = (4 + 0.5) / 12 - 0.5, (1 + 0.5) / 6 - 0.5
    assert maps[1, 1, 4].item() == pytest.approx(math.exp(-(x * x + y * y) / (2 * 0.25**2)), rel=1e-6)
    assert torch.equal(maps, maps.flip(1, 2))
    square = center_gaussian(torch.zeros(1, 7, 7, dtype=torch.bool), [0])[0]
    assert torch.equal(square, square.T)
    assert square.argmax() == 7 * 7 // 2


def test_sobel_is_the_gradient_of_scipy_and_asks_no_network():
    images = torch.rand(2, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    index = torch.tensor([1, 0, 1])
    maps = sobel(None, images, index, index)
    for row, image in enumerate(index.tolist()):
        grey = images[image].mean(dim=0).numpy()
        expected = np.hypot(*(scipy.ndimage.sobel(grey, axis, mode="nearest") for axis in (0, 1)))
        np.testing.assert_allclose(maps[row].numpy(), expected, atol=1e-6)


def test_fake_cam_leaves_out_one_pixel_alone():
    maps = fake_cam(None, torch.zeros(1, 3, 4, 5), torch.tensor([0, 0]), torch.tensor([3, 8]))
    assert maps.sum(dim=(1, 2)).tolist() == [19, 19]
    assert maps[:, 0, 0].tolist() == [0, 0]
