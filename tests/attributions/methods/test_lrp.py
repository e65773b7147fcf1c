"""Relevance of whole networks: against zennit, against excitation backprop, and what it adds up to."""

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from zennit.composites import (
    EpsilonAlpha2Beta1Flat,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
    LayerMapComposite,
)
from zennit.layer import Sum
from zennit.rules import Epsilon, Norm, Pass
from zennit.torchvision import ResNetCanonizer
from zennit.types import Activation, AvgPool, Convolution, Linear

from raybench.attributions import ATTRIBUTIONS, bind
from raybench.attributions.asking.rules.handing_down import handed_to_pixels, score
from raybench.attributions.methods.relevance.excitation_backprop import excitation_backprop
from raybench.attributions.methods.relevance.lrp import (
    PLUS,
    composite,
    epsilon_rule,
    lrp_alpha_beta,
    lrp_epsilon_plus,
    lrp_epsilon_plus_flat,
)
from raybench.base.errors import RaybenchError

LRP = [entry.name for entry in ATTRIBUTIONS if entry.name.startswith("lrp_")]
ZERO = torch.tensor([0])


def in_float64(network):
    return dataclasses.replace(network, module=copy.deepcopy(network.module).double())


def relevance_of_zennit(module, composite_of, image, target):
    """What zennit hands down to the pixels, summed over colours."""
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    with composite_of(canonizers=[ResNetCanonizer()]).context(module):
        for norm in norms:  # zennit 0.5.1 leaves it, so that a norm that is merged is no identity
            norm.eps = 0.0
        pixels = image.clone().requires_grad_()
        logits = module(pixels)
        received = F.one_hot(torch.tensor([target]), logits.shape[1]) * logits.detach()
        (handed,) = torch.autograd.grad(logits, pixels, received)
    return handed.sum(dim=1)


def box(canonizers):
    return EpsilonGammaBox(
        low=torch.full((1, 3, 1, 1), -2.0), high=torch.full((1, 3, 1, 1), 2.0), canonizers=canonizers
    )


def epsilon_everywhere(canonizers):
    rules = [(Activation, Pass()), ((Sum, AvgPool), Norm()), ((Convolution, Linear), Epsilon(0.25))]
    return LayerMapComposite(rules, canonizers=canonizers)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        ("lrp_epsilon", epsilon_everywhere),
        ("lrp_epsilon_plus_flat", EpsilonPlusFlat),
        ("lrp_epsilon_plus", EpsilonPlus),
        ("lrp_alpha_beta", EpsilonAlpha2Beta1Flat),
        ("lrp_epsilon_gamma_box", box),
    ],
)
def test_relevance_is_that_of_zennit(method, theirs, name, random_network, monkeypatch):
    monkeypatch.setattr(
        "raybench.attributions.methods.relevance.lrp.over_colours", lambda each, _: each.sum(dim=1)
    )
    network = in_float64(random_network(name))
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = bind(method).raw(network, image, ZERO, torch.tensor([7]))
    expected = relevance_of_zennit(network.module, theirs, image, 7)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10 * float(expected.abs().max()))


class WithoutBiases(nn.Module):
    """A residual network of calls, two of them functional, whose relevance is the score handed down."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.branch = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.hidden = nn.Linear(6, 8, bias=False)
        self.classifier = nn.Linear(8, 4, bias=False)

    def forward(self, images):
        stem = F.max_pool2d(F.relu(self.stem(images)), 2)
        block = F.relu(self.branch(stem) + stem)
        return self.classifier(F.relu(self.hidden(block.mean((2, 3)))))


@pytest.fixture
def without_biases(small):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        module = WithoutBiases()
    return type(small)(module.double().eval().requires_grad_(False), "branch")


@pytest.fixture
def image():
    return torch.randn(1, 3, 16, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("method", LRP)
def test_relevance_adds_up_to_the_score_where_there_are_no_biases(method, without_biases, image):
    queries = image, torch.tensor([0] * 4), torch.arange(4)
    little = {"epsilon": 1e-9} if method == "lrp_epsilon" else {}  # by default it leaves much out
    sums = bind(method, little).raw(without_biases, *queries).sum(dim=(1, 2))
    torch.testing.assert_close(sums.double(), without_biases.module(image)[0], rtol=1e-3, atol=0)


def test_epsilon_everywhere_is_input_times_gradient_where_there_are_no_biases(without_biases, image):
    table = composite(epsilon_rule(1e-12), epsilon_rule(1e-12))
    handed = handed_to_pixels(without_biases, image, ZERO, ZERO, table, start=score)
    pixels = image.clone().requires_grad_()
    without_biases.module(pixels)[0, 0].backward()
    # the sum of branches has an epsilon of its own
    torch.testing.assert_close(handed, image * pixels.grad, rtol=0, atol=1e-4 * float(handed.abs().max()))


def test_plus_everywhere_is_excitation_backprop_times_the_score(without_biases):
    """At a hidden layer whose units are not negative, in a network without biases and sums."""
    module = without_biases.module
    tail = nn.Sequential(nn.Identity(), module.branch, nn.ReLU(), nn.AvgPool2d(2), nn.Flatten())
    tail.append(nn.Linear(6 * 4, 4, bias=False).double().requires_grad_(False))
    network = type(without_biases)(tail.eval(), "0")
    hidden = torch.rand(1, 6, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    logits = tail(hidden)[0]
    target = logits.argmax()[None]
    handed = handed_to_pixels(network, hidden, ZERO, target, composite(PLUS, PLUS), start=score)
    shares = excitation_backprop(network, hidden, ZERO, target)
    torch.testing.assert_close(
        handed.sum(dim=1).float(), shares * logits[target].float(), rtol=1e-3, atol=1e-7
    )


def test_without_a_weight_of_what_speaks_against_alpha_beta_is_plus(small, small_queries):
    expected = lrp_epsilon_plus_flat(small, *small_queries)
    assert torch.equal(lrp_alpha_beta(small, *small_queries, beta=0.0), expected)
    assert not torch.equal(lrp_alpha_beta(small, *small_queries), expected)


def test_flat_gives_each_pixel_of_a_window_the_same(small):
    """One window of two by two pixels and one logit, 5 x its first pixel: each pixel gets a quarter of 5."""
    module = nn.Sequential(nn.Conv2d(3, 1, 2, bias=False), nn.Flatten())
    module[0].weight.data.zero_()[0, 0, 0, 0] = 5
    network = type(small)(module.requires_grad_(False), "0")
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0, 0] = 1
    maps = lrp_epsilon_plus_flat(network, image, ZERO, ZERO)
    torch.testing.assert_close(maps, torch.full((1, 2, 2), 1.25))
    plus = lrp_epsilon_plus(network, image, ZERO, ZERO)
    torch.testing.assert_close(plus, torch.tensor([[[5.0, 0], [0, 0]]]))


@pytest.mark.parametrize("name", ["vit_b_16", "swin_t"])
def test_networks_that_attend_are_refused_in_a_sentence(name, small):
    module = torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)
    network = type(small)(module, "encoder")
    with pytest.raises(
        RaybenchError, match="no rule hands anything down through .*; choose a method that reads"
    ):
        bind("lrp_epsilon_plus_flat").attribution.check(network)
    with pytest.raises(RaybenchError, match="no rule hands anything down through"):
        lrp_epsilon_plus_flat(network, torch.zeros(1, 3, 224, 224), ZERO, ZERO)


@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny", "efficientnet_b0"])
def test_networks_with_rules_for_all_calls_pass_the_check(name, random_network):
    network = random_network(name)
    bind("lrp_epsilon_plus_flat").attribution.check(network)


@pytest.mark.parametrize(("option", "value"), [("epsilon", 0.0), ("gamma", -1.0)])
def test_options_out_of_range_are_refused(option, value):
    with pytest.raises(RaybenchError, match=f"option '{option}' .* should be greater than"):
        bind("lrp_epsilon_gamma_box", {option: value})
