"""The gradient family against captum, PAIR's saliency and TorchRay, and against closed forms."""

import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

from raybench.attributions import bind
from raybench.attributions.asking.copies.blurring import blurred
from raybench.attributions.seeds import generator

captum = pytest.importorskip("captum.attr")

SEED = 5


@pytest.fixture
def picture():
    return torch.randn(3, 64, 72, generator=torch.Generator().manual_seed(2))


def ours(method, network, image, index=7, **options):
    arguments = network, image[None], torch.tensor([0]), torch.tensor([index])
    return bind(method, options).raw(*arguments, seeds=[SEED])[0].double()


def near(found, expected, tolerance):
    return float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


def noises(image, samples, share=0.15):
    width = share * (image.max() - image.min())
    drawn = [
        torch.randn(image.shape, generator=generator(SEED, "noise", number)) for number in range(samples)
    ]
    return [image + width * one for one in drawn]


def gradients(module, points, index=7):
    found = []
    for point in points:
        point = point[None].clone().requires_grad_()
        found.append(torch.autograd.grad(module(point)[0, index], point)[0][0].double())
    return torch.stack(found)


def test_input_x_gradient_is_captums(random_network, picture):
    network = random_network("squeezenet1_1")
    theirs = (
        captum.InputXGradient(network.module)
        .attribute(picture[None].requires_grad_(), target=7)[0]
        .sum(dim=0)
    )
    assert near(ours("input_x_gradient", network, picture), theirs.detach().double(), 1e-6)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet"])
@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
def test_modified_relus_are_captums(method, name, random_network, picture):
    network = random_network(name)
    theirs = {"guided_backprop": captum.GuidedBackprop, "deconvnet": captum.Deconvolution}[method]
    expected = theirs(network.module).attribute(picture[None].requires_grad_(), target=7)[0]
    found = ours(method, network, picture, colours="sum")
    assert near(found, expected.detach().double().sum(dim=0), 1e-5)


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
def test_guided_grad_cam_is_captums(random_network, picture):
    network = random_network("resnet18")
    their = captum.GuidedGradCam(network.module, network.module.layer4)
    expected = their.attribute(picture[None].requires_grad_(), target=7, interpolate_mode="bilinear")[
        0
    ].detach()
    assert near(ours("guided_grad_cam", network, picture), expected.abs().sum(dim=0).double(), 1e-5)


def test_a_relu_that_is_a_function_is_seen(small):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(12, 6), nn.Linear(6, 2)

        def forward(self, images):
            return self.last(torch.relu(self.first(images.flatten(1))))

    torch.manual_seed(0)
    module = Functional().eval().requires_grad_(False)
    image = torch.randn(3, 2, 2)
    received = module.last.weight[1].clamp(min=0)
    deconvolved = (received @ module.first.weight).view(3, 2, 2).abs().amax(dim=0)
    active = received * (module.first(image.flatten()) > 0)
    guided = (active @ module.first.weight).view(3, 2, 2).abs().amax(dim=0)
    network = type(small)(module, None)
    torch.testing.assert_close(ours("deconvnet", network, image, 1).float(), deconvolved)
    torch.testing.assert_close(ours("guided_backprop", network, image, 1).float(), guided)


def test_smooth_grad_and_its_kin_are_moments_of_the_same_gradients(random_network, picture):
    # captum's NoiseTunnel over Saliency averages absolute values, so that it is no oracle for the mean
    network = random_network("resnet18")
    found = gradients(network.module, noises(picture, 4))
    for method, expected in {
        "smooth_grad": found.mean(dim=0),
        "smooth_grad_squared": found.square().mean(dim=0),
        "var_grad": found.var(dim=0, unbiased=False),
    }.items():
        assert near(ours(method, network, picture, samples=4), expected.abs().amax(dim=0), 2e-4)


def test_expected_gradients_of_a_linear_network_are_weights_times_the_way(small):
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 2, bias=False)).eval().requires_grad_(False)
    image = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(1))
    start = torch.stack(
        [torch.randn(image.shape, generator=generator(SEED, "references", number)) for number in range(5)]
    ).mean(dim=0)
    expected = (module[1].weight[1].view(3, 2, 2) * (image - start)).sum(dim=0)
    found = ours("expected_gradients", type(small)(module, None), image, 1, samples=5)
    torch.testing.assert_close(found.float(), expected)


def test_expected_gradients_are_captums_with_the_same_draws(random_network, picture):
    network = random_network("resnet18")
    starts, points = [], []
    for number in range(3):
        start = torch.randn(picture.shape, generator=generator(SEED, "references", number))
        place = torch.rand(1, generator=generator(SEED, "places", number))
        starts.append(start)
        points.append(start + place * (picture - start))
    found = gradients(network.module, points)
    expected = torch.stack([(picture - start) * one for start, one in zip(starts, found, strict=True)]).mean(
        dim=0
    )
    assert near(ours("expected_gradients", network, picture, samples=3), expected.sum(dim=0), 1e-5)


@pytest.fixture
def pair(monkeypatch):
    """PAIR's saliency, whose guided integrated gradients call numpy by a name that is gone."""
    saliency = pytest.importorskip("saliency.core")
    guided = sys.modules["saliency.core.guided_ig"]
    shim = types.SimpleNamespace(**vars(np))
    shim.quantile = lambda values, share, interpolation: np.quantile(values, share, method=interpolation)
    monkeypatch.setattr(guided, "np", shim)
    return saliency


def call_model(module, index):
    def call(images, call_model_args=None, expected_keys=None):
        pixels = torch.from_numpy(np.asarray(images)).permute(0, 3, 1, 2).double().requires_grad_()
        (found,) = torch.autograd.grad(module(pixels)[:, index].sum(), pixels)
        return {"INPUT_OUTPUT_GRADIENTS": found.permute(0, 2, 3, 1).numpy()}

    return call


def test_guided_integrated_gradients_are_pairs(pair, small):
    image = torch.randn(3, 9, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    expected = pair.GuidedIG().GetMask(
        image.permute(1, 2, 0).numpy(), call_model(small.module, 2), {},
        x_steps=20, x_baseline=np.zeros((9, 13, 3)), max_dist=0.02, fraction=0.25,
    )  # fmt: skip
    found = ours("guided_integrated_gradients", small, image, 2, steps=20, baseline="mean")
    assert near(found, torch.from_numpy(expected).sum(dim=2), 1e-6)


def test_blur_integrated_gradients_are_pairs(pair, small):
    image = torch.randn(3, 9, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    expected = pair.BlurIG().GetMask(
        image.permute(1, 2, 0).numpy(), call_model(small.module, 2), {}, max_sigma=6, steps=8, grad_step=0.01
    )
    found = ours("blur_integrated_gradients", small, image, 2, steps=8, largest=6.0, grid="equal")
    assert near(found, torch.from_numpy(expected).sum(dim=2), 1e-6)


def test_blurs_that_are_dense_near_the_image_add_up_to_the_score(small):
    image = torch.randn(3, 9, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    total = float(ours("blur_integrated_gradients", small, image, 2, steps=400, largest=6.0).sum())
    ends = small.module(torch.stack([image, blurred(image, 6.0)]))[:, 2]
    assert total == pytest.approx(float(ends[0] - ends[1]), rel=0.02)


@pytest.mark.parametrize("method", ["guided_integrated_gradients", "integrated_gradients"])
def test_a_linear_network_gets_weights_times_the_way_by_any_path(method, small):
    module = nn.Sequential(nn.Flatten(), nn.Linear(27, 2, bias=False)).double().eval().requires_grad_(False)
    image = torch.randn(3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = (module[1].weight[1].view(3, 3, 3) * image).sum(dim=0)
    found = ours(method, type(small)(module, None), image, 1, steps=7, baseline="mean")
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
