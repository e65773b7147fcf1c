"""DeepLift against shap and captum, by hand, and by what its relevance adds up to."""

import dataclasses
import warnings

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from raybench.attributions import bind
from raybench.attributions.methods.relevance.deep_lift import deep_lift
from raybench.base import RaybenchError

ZERO = torch.tensor([0])
IMAGES = torch.randn(2, 3, 16, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
BLACK = -2.0
"""What a black pixel is to the networks of the tests."""


def relevance(network, images, image_index, class_index, monkeypatch, **options):
    """Relevance in the precision that it was computed in."""
    monkeypatch.setattr(
        "raybench.attributions.methods.relevance.deep_lift.over_colours", lambda each, _: each.sum(dim=1)
    )
    return bind("deep_lift", options).raw(network, images, image_index, class_index)


def in_float64(network):
    return dataclasses.replace(network, module=network.module.double())


@pytest.fixture
def each_once(loaded):
    """A network whose ReLUs are modules that are used once, as the oracles want it."""

    def build(pooling):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            module = nn.Sequential(
                *(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), pooling),
                *(nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()),
                *(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4)),
            )
            module[1].running_mean.normal_()
        return loaded(module.double())

    return build


@pytest.mark.parametrize("pooling", [nn.MaxPool2d(2), nn.MaxPool2d(3, padding=1), nn.AvgPool2d(2)])
@pytest.mark.parametrize("colour", ["black", "mean"])
def test_relevance_is_that_of_shap(pooling, colour, each_once, monkeypatch):
    """Windows do not overlap: of those that share a place shap 0.51 keeps one and loses the others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    network = each_once(pooling)
    baseline = torch.full_like(IMAGES[:1], BLACK if colour == "black" else 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explainer = shap.DeepExplainer(network.module, baseline)
        expected = torch.from_numpy(explainer.shap_values(IMAGES, check_additivity=False)).sum(dim=1)
    index, classes = torch.tensor([1, 0, 1]), torch.tensor([2, 0, 3])
    found = relevance(network, IMAGES, index, classes, monkeypatch, baseline=colour)
    expected = expected[index, ..., classes]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


def test_relevance_is_that_of_captum_where_nothing_is_used_twice_or_the_largest(each_once, monkeypatch):
    from captum.attr import DeepLift

    network = each_once(nn.AvgPool2d(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lifted = DeepLift(network.module).attribute(IMAGES, torch.full_like(IMAGES, BLACK), target=3)
    expected = lifted.detach().sum(dim=1)
    found = relevance(network, IMAGES, torch.tensor([0, 1]), torch.tensor([3, 3]), monkeypatch)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))


@pytest.mark.parametrize(
    "name",
    ["resnet18", "squeezenet1_1", "densenet121", "regnet_y_400mf", "convnext_tiny", "mobilenet_v3_small"],
)
@pytest.mark.parametrize("baseline", ["black", "mean"])
def test_relevance_adds_up_to_the_difference_of_the_scores(name, baseline, random_network, monkeypatch):
    """Also of networks with gates (regnet_y, mobilenet_v3) and layer normalisation (convnext)."""
    network = random_network(name)
    module = network.module
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    start = torch.full_like(images, BLACK if baseline == "black" else 0.0)
    try:
        classes = torch.tensor([5, 700])
        both = relevance(in_float64(network), images, ZERO.expand(2), classes, monkeypatch, baseline=baseline)
        with torch.no_grad():
            expected = (module(images) - module(start))[0, classes]
    finally:
        module.float()
    tolerance = 1e-10 * float(both.abs().sum()) + 1e-14  # the scores of mobilenet_v3 hardly differ
    torch.testing.assert_close(both.sum(dim=(1, 2)), expected, rtol=0, atol=tolerance)


class ByHand(nn.Module):
    """The larger of two pixels, then a ReLU, then a gate: max(a, b) relu(c - 1)."""

    def forward(self, images):
        pooled = F.max_pool2d(images[:, :1], (1, 2)).flatten(1)
        return pooled * F.relu(images[:, 1:2, :, 0].flatten(1) - 1, inplace=True)


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        # (4 - 1) goes to the place of 4, which rose from 0
        ([[4.0, 2.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], 0),
        # (2 - 5) goes to the place of 5, which fell to 1
        ([[2.0, 1.0], [3.0, 0.0]], [[0.0, 5.0], [0.0, 0.0]], 1),
    ],
)
def test_a_maximum_and_a_gate_by_hand(first, second, winner, loaded, monkeypatch):
    image, baseline = (torch.zeros(1, 3, 1, 2).double() for _ in range(2))
    image[0, :2, 0], baseline[0, :2, 0] = torch.tensor(first), torch.tensor(second)
    monkeypatch.setattr("raybench.attributions.methods.relevance.deep_lift.filling", lambda *_: baseline[0])
    module = ByHand()
    module.register_parameter("unused", nn.Parameter(torch.zeros(())))
    found = bind("deep_lift", {"colours": "l2"}).raw(loaded(module), image, ZERO, ZERO)
    # relu(c - 1) goes from 0 to 2, the maximum by `rise`; each factor gets the mean of the other
    larger, smaller = max(first[0]), max(second[0])
    expected = torch.zeros(2, 2)
    expected[0, winner] = (larger - smaller) * (2 + 0) / 2
    expected[1, 0] = 2 * (larger + smaller) / 2
    assert torch.equal(found[0, 0], expected.norm(dim=0))


def test_baselines_that_are_the_image_give_the_gradient_times_nothing(each_once, loaded):
    network = each_once(nn.MaxPool2d(2))
    black = torch.full_like(IMAGES[:1], BLACK)
    assert not deep_lift(network, black, ZERO, ZERO).any()
    assert deep_lift(network, black, ZERO, ZERO, baseline="mean").any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: torchvision.models.vit_b_32(num_classes=10), "no rule hands anything down through"),
        (
            lambda: timm.create_model("skresnet18", num_classes=10),
            "does not add up for this network .* softmax",
        ),
    ],
)
def test_networks_with_calls_without_a_rule_are_refused(build, message, loaded):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = loaded(build())
    with pytest.raises(RaybenchError, match=message):
        bind("deep_lift").check(network)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "convnext_tiny", "mobilenet_v3_small"])
def test_networks_with_rules_for_all_calls_pass_the_check(name, random_network):
    bind("deep_lift").check(random_network(name))
