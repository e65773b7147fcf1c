"""Extremal perturbations against TorchRay, and on networks whose answer is known."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn

from raybench.attributions import bind
from raybench.attributions.asking.copies.blurring import blend, blurred, blurs
from raybench.attributions.asking.copies.smooth_masks import SmoothMasks
from raybench.attributions.methods.perturbation.optimised_masks import extremal_masks
from raybench.base import RaybenchError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from torchray.attribution import extremal_perturbation as torchray

pytestmark = pytest.mark.filterwarnings("ignore:torch.meshgrid")  # TorchRay's

SHAPE = SmoothMasks((32, 40), 2, 6.0)


@pytest.fixture
def image():
    return torch.randn(1, 3, 32, 40, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def network(small):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        module = nn.Sequential(
            *(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 5)),
        )
    module[-1].weight.data *= 100
    return replace(small, module=module.eval().requires_grad_(False))


def their_masks(network, image, class_index, steps, **options):
    """(A, H, W) for areas of 10 and 20 %."""
    found = torchray.extremal_perturbation(
        network.module, image, class_index, areas=[0.1, 0.2], max_iter=steps, step=2, sigma=6, **options
    )
    return found[0][:, 0]


def our_masks(network, image, class_index, steps):
    asked = torch.tensor([class_index])
    found = extremal_masks(network, image[0], asked, (0.1, 0.2), steps, SHAPE, blur=20.0)
    return SHAPE.inside(found[0])


@pytest.fixture
def ties_alike(monkeypatch):
    """Lets TorchRay break ties as we do.

    Its masks begin with many pixels of equal value. Which of them counts as the largest is decided by
    rounding and by a sort that is not stable, and decides in turn which nodes are pushed.
    """

    def generate(self, nodes):
        masks = SmoothMasks(tuple(self.shape), self.step, self.sigma)
        whole = masks.whole(nodes[:, 0])
        return masks.inside(whole)[:, None], whole[:, None]

    sort = torch.Tensor.sort
    monkeypatch.setattr(torchray.MaskGenerator, "generate", generate)
    monkeypatch.setattr(
        torch.Tensor, "sort", lambda self, dim, stable=True: sort(self, dim=dim, stable=stable)
    )


@pytest.mark.parametrize("steps", [1, 2, 5, 40])
def test_masks_are_torchrays_where_ties_are_broken_alike(network, image, ties_alike, steps):
    expected = their_masks(network, image, 3, steps)
    assert (our_masks(network, image, 3, steps) - expected).abs().max() <= 1e-5


def test_masks_end_where_torchrays_do_whatever_breaks_ties(network, image):
    expected, found = (masks(network, image, 3, 60) for masks in (their_masks, our_masks))
    assert (expected.minimum(found).sum(dim=(1, 2)) / expected.maximum(found).sum(dim=(1, 2)) > 0.9).all()
    assert (our_masks(network, image, 3, 5) - their_masks(network, image, 3, 5)).abs().max() < 0.01


def test_maps_are_the_smoothed_sum_over_areas(network, image, ties_alike):
    expected = their_masks(network, image, 3, 5, smooth=0.09).sum(dim=0)
    scaled = {"areas": [0.1, 0.2], "steps": 5, "spacing": 14.0, "sigma": 42.0, "blur": 140.0}  # 32 = 224 / 7
    method = bind("extremal_perturbation", scaled)
    (found,) = method(network, image, torch.tensor([0]), torch.tensor([3]))
    assert (found - expected).abs().max() <= 1e-5 * expected.max()


@pytest.mark.parametrize(
    ("size", "spacing", "sigma"), [((56, 70), 2, 6), ((30, 31), 4, 8), ((50, 43), 7, 21)]
)
def test_smooth_masks_and_their_gradients_are_torchrays(size, spacing, sigma):
    masks = SmoothMasks(size, spacing, sigma)
    nodes = torch.rand(2, *masks.nodes, generator=torch.Generator().manual_seed(3)).requires_grad_()
    inside, whole = torchray.MaskGenerator(size, spacing, sigma).generate(nodes[:, None])
    found = masks.whole(nodes)
    torch.testing.assert_close(found, whole[:, 0], rtol=0, atol=1e-5)
    torch.testing.assert_close(masks.inside(found), inside[:, 0], rtol=0, atol=1e-5)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(4))
    (expected,) = torch.autograd.grad((whole[:, 0] * weights).sum(), [nodes])
    (gradient,) = torch.autograd.grad((found * weights).sum(), [nodes])
    assert (gradient - expected).abs().max() <= 3e-5 * expected.abs().max()


def test_gradients_of_smooth_masks_are_those_of_differences():
    masks = SmoothMasks((3, 5), 2, 1.5)
    nodes = torch.rand(2, *masks.nodes, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(masks.whole, (nodes,))


def test_blends_of_blurs_are_torchrays(image):
    masks = torch.rand(3, 1, 32, 40, generator=torch.Generator().manual_seed(5))
    expected = torchray.Perturbation(image).apply(masks)
    torch.testing.assert_close(blend(blurs(image[0], 20, 8), masks), expected, rtol=0, atol=1e-6)


def test_blurs_keep_the_sum_inside_and_no_blur_is_the_image(image):
    dot = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    dot[..., 20, 20] = 1
    spread = blurred(dot, 4)
    rows = spread.sum(dim=(0, 1, 3))
    places = torch.arange(-20, 21, dtype=torch.float64)
    assert float(spread.sum()) == pytest.approx(1)
    assert float((rows * places**2).sum()) ** 0.5 == pytest.approx(4, rel=1e-2)
    assert blurred(image, 0) is image


class Contrast(nn.Module):
    """Scores how much contrast is left, wherever it is: half of the steps see the image mirrored."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, images):
        left = images.square().mean(dim=(1, 2, 3)) * self.scale
        return torch.stack([left, -left], dim=1)


def board(size, top, left, side):
    """A checkerboard in a square of an image that is grey elsewhere: (1, 3, size, size)."""
    image = torch.zeros(1, 3, size, size)
    places = torch.arange(side)
    image[..., top : top + side, left : left + side] = (places[:, None] + places) % 2 * 2.0 - 1
    return image


def test_the_square_that_a_network_scores_is_found_by_masks_of_the_areas_asked_for(small):
    network, shape = replace(small, module=Contrast()), SmoothMasks((32, 32), 2, 4.0)
    network.module.scale *= 10
    areas, image = (0.05, 0.1), board(32, top=14, left=4, side=8)[0]
    whole = extremal_masks(network, image, torch.tensor([0]), areas, 350, shape, blur=6.0)[0]
    assert (whole > 0.5).float().mean(dim=(1, 2)).tolist() == pytest.approx(areas, abs=0.01)
    for mask in shape.inside(whole):
        assert mask[16:20, 6:10].mean() > 0.9
        mask[8:28, :18] = 0
        assert mask.max() < 0.1


def test_maps_peak_in_the_square(small):
    network = replace(small, module=Contrast())
    network.module.scale *= 100
    method = bind("extremal_perturbation", {"steps": 60, "areas": [0.05], "spacing": 14.0})
    (found,) = method(network, board(32, 2, 20, 8), torch.tensor([0]), torch.tensor([0]))
    row, column = divmod(int(found.argmax()), 32)
    assert 2 <= row < 10
    assert 20 <= column < 28


def test_a_query_gets_the_same_bytes_with_others_and_alone(network, image):
    method = bind("extremal_perturbation", {"steps": 4, "areas": [0.1]})
    images = torch.cat([image, image.flip(-1)])
    index, classes = torch.tensor([1, 0, 1, 1]), torch.tensor([0, 3, 2, 0])
    maps = method(network, images, index, classes)
    alone = [
        method(network, images[i : i + 1], torch.tensor([0]), c[None])
        for i, c in zip(index, classes, strict=True)
    ]
    assert torch.equal(maps, torch.cat(alone))


def test_masks_of_several_classes_in_one_batch_are_those_of_each(network, image):
    together = extremal_masks(network, image[0], torch.tensor([3, 1]), (0.1, 0.2), 4, SHAPE, 20.0)
    for row, class_index in zip(together, (3, 1), strict=True):
        alone = extremal_masks(network, image[0], torch.tensor([class_index]), (0.1, 0.2), 4, SHAPE, 20.0)[0]
        torch.testing.assert_close(row, alone, rtol=0, atol=1e-5)


def test_the_forecast_counts_every_mask_of_every_query():
    passes = bind("extremal_perturbation").passes
    assert passes.forwards(images=1, queries=3) == passes.backwards(images=1, queries=3) == 3 * 4 * 799


@pytest.mark.parametrize("option", [{"areas": []}, {"areas": [1.0]}, {"steps": 0}, {"sigma": 0.0}])
def test_options_that_make_no_sense_are_refused(option):
    with pytest.raises(RaybenchError, match=f"option '{next(iter(option))}' of attribution 'extremal_pert"):
        bind("extremal_perturbation", option)
