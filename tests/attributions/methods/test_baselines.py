"""Maps made without a network."""

import pytest
import torch

from raybench.attributions import box_oracle, center, random, uniform


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
