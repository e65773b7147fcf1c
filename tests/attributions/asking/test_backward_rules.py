"""Each backward rule by itself, on numbers small enough to check by hand."""

import pytest
import torch
import torch.nn.functional as F

from raybench.attributions.asking.rules.backward_rules import Rules
from raybench.attributions.methods.relevance.excitation_backprop import EXCITATION


def shares(function, *inputs, received=None):
    """Run `function` under the rules and hand `received`, or ones, back: a flat list for each input."""
    leaves = [torch.tensor(values, requires_grad=True) for values in inputs]
    with Rules(EXCITATION):
        result = function(*(leaf.clone() for leaf in leaves))
    received = torch.ones_like(result) if received is None else torch.tensor(received)
    found = torch.autograd.grad(result, leaves, received, allow_unused=True)
    return [None if values is None else values.flatten().tolist() for values in found]


def test_linear_shares_by_positive_contributions_and_ignores_the_bias():
    weight, bias = torch.tensor([[1.0, 2, -5]]), torch.tensor([7.0])
    # contributions 3 * 1 and 1 * 2, the negative weight takes no part
    found = shares(lambda x: F.linear(x, weight, bias), [[3.0, 1, 4]], received=[[10.0]])
    assert found == [[pytest.approx(6.0), pytest.approx(4.0), 0.0]]


def test_negative_inputs_take_no_share():
    found = shares(lambda x: F.linear(x, torch.ones(1, 3)), [[3.0, -2, 1]])
    assert found == [[pytest.approx(0.75), 0.0, pytest.approx(0.25)]]


def test_a_unit_without_excitation_hands_nothing_down():
    found = shares(lambda x: F.linear(x, -torch.ones(1, 2)), [[3.0, 2]])
    assert found == [[0.0, 0.0]]


def test_convolution_is_a_linear_layer_at_each_place():
    weight = torch.tensor([[[1.0, 3]]])
    # two windows of [2, 2, 2]: shares 2:6 each
    found = shares(lambda x: F.conv1d(x, weight), [[[2.0, 2, 2]]])
    assert found == [[pytest.approx(0.25), pytest.approx(0.75 + 0.25), pytest.approx(0.75)]]


def test_arguments_by_keyword_are_understood():
    weight = torch.ones(1, 1, 1, 1)
    found = shares(lambda x: F.conv2d(input=x, weight=weight, stride=2), [[[[5.0, 1]]]])
    assert found == [[1.0, 0.0]]


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.avg_pool2d(x, (1, 2)),
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: x.mean((2, 3)),
        lambda x: x.mean([-1, -2], keepdim=True),
        lambda x: torch.mean(x, dim=(2, 3)),
        lambda x: x.sum((2, 3)),
    ],
)
def test_average_pooling_shares_by_activation(pool):
    assert shares(pool, [[[[3.0, 1.0]]]]) == [[pytest.approx(0.75), pytest.approx(0.25)]]


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: x.permute(0, 2, 3, 1).mean((1, 2)),
        lambda x: x.permute(0, 2, 3, 1).mean(dim=[1, -2]),
        lambda x: x.flatten(2).transpose(1, 2).mean(1),
        lambda x: torch.mean(x.flatten(2).mT, dim=-2, keepdim=True),
    ],
)
def test_places_that_lie_elsewhere_are_pooled_alike(pool):
    image = [[[[3.0, 1.0]], [[0.5, 2.0]]]]
    (expected,) = shares(lambda x: x.mean((2, 3)), image)
    assert expected == [pytest.approx(one) for one in (0.75, 0.25, 0.2, 0.8)]
    assert shares(pool, image) == [expected]


def test_a_mean_over_channels_is_not_a_pooling():
    assert shares(lambda x: x.mean(1), [[[[3.0]], [[1.0]]]]) == [[0.5, 0.5]]
    assert shares(lambda x: x.mean(-1), [[[3.0, 1.0]]]) == [[0.5, 0.5]]


def test_max_pooling_hands_all_to_the_winner():
    assert shares(lambda x: F.max_pool2d(x, (1, 2)), [[[[3.0, 1.0]]]]) == [[1.0, 0.0]]


@pytest.mark.parametrize(
    "add", [lambda a, b: a + b, torch.add, lambda a, b: a.add(b), lambda a, b: a.add_(b), lambda a, b: b + a]
)
def test_a_sum_is_split_by_its_summands(add):
    assert shares(add, [3.0, -1.0], [1.0, 2.0], received=[8.0, 1.0]) == [[6.0, -1.0], [2.0, 2.0]]


def test_an_augmented_sum_is_split_by_its_summands():
    def add(first, second):
        first += second
        return F.relu(first, inplace=True)

    assert shares(add, [3.0, -4.0], [1.0, 1.0]) == [[0.75, 0.0], [0.25, 0.0]]


def test_a_scaled_sum_is_split_by_the_scaled_summands():
    assert shares(lambda a, b: torch.add(a, b, alpha=3), [1.0], [1.0]) == [[0.25], [0.75]]


def test_a_sum_of_zero_hands_nothing_down():
    assert shares(lambda a, b: a + b, [0.0, 2.0], [0.0, -2.0]) == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    "bias", [2.0, torch.tensor([[5.0, 5.0]]), torch.nn.Parameter(torch.tensor([1.0, 1.0]))]
)
def test_a_bias_takes_no_share(bias):
    assert shares(lambda x: (x + bias).flatten(), [3.0, 1.0]) == [[1.0, 1.0]]


@pytest.mark.parametrize(
    "activation",
    [
        F.relu,
        torch.relu,
        F.relu6,
        F.silu,
        F.gelu,
        F.hardswish,
        F.leaky_relu,
        F.elu,
        lambda x: F.relu(x, inplace=True),
        lambda x: F.silu(x, inplace=True),
        lambda x: F.hardtanh(x, 0.0, 6.0, inplace=True),
        lambda x: x.clamp(0, 6),
        lambda x: x.clamp(min=0),
    ],
)
def test_an_activation_passes_where_it_is_positive_whatever_its_slope(activation):
    assert shares(activation, [-1.0, 0.5, 9.0]) == [[0.0, 1.0, 1.0]]


def test_normalisation_passes_all():
    mean, variance = torch.tensor([1.0, 2.0]), torch.tensor([4.0, 9.0])
    assert shares(lambda x: F.batch_norm(x, mean, variance), [[1.0, -2.0]]) == [[1.0, 1.0]]
    assert shares(lambda x: F.layer_norm(x, (2,)), [[1.0, -2.0]]) == [[1.0, 1.0]]


@pytest.mark.parametrize("scale", [lambda x: x * 0.5, lambda x: 3 * x, lambda x: x.mul_(torch.tensor(2.0))])
def test_a_constant_factor_passes_all(scale):
    assert shares(scale, [1.0, -2.0]) == [[1.0, 1.0]]


@pytest.mark.parametrize("multiply", [torch.mul, lambda x, gate: gate * x])
def test_a_gate_takes_no_share(multiply):
    signal, gate = shares(multiply, [[[1.0, 2.0], [3.0, 4.0]]], [[[0.5], [0.1]]])
    assert signal == [1.0, 1.0, 1.0, 1.0]
    assert gate is None


def test_a_clone_made_before_an_operation_in_place_keeps_its_values():
    values = torch.tensor([1.0, -2.0], requires_grad=True)
    with Rules(EXCITATION):
        inputs = values.clone()
        result = F.hardswish(inputs, inplace=True)
    assert result is inputs
    assert torch.equal(result, F.hardswish(values))
    assert values.tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    "name",
    [
        *("resnet18", "densenet121", "mobilenet_v2", "mobilenet_v3_small", "convnext_tiny", "googlenet"),
        *("shufflenet_v2_x0_5", "mnasnet0_5", "regnet_y_400mf", "efficientnet_b0", "squeezenet1_1"),
    ],
)
def test_networks_compute_the_same_under_the_rules(name, random_network, queries):
    module = random_network(name).module
    with Rules(EXCITATION):
        logits = module(queries.images[:1].clone().requires_grad_())
    assert torch.equal(logits.detach(), module(queries.images[:1]))


def test_calls_outside_the_graph_are_left_alone():
    with Rules(EXCITATION) as rules, torch.no_grad():
        F.linear(torch.ones(1, 2, requires_grad=True), torch.ones(1, 2))
    assert rules.last is None
    with Rules(EXCITATION) as rules:
        F.linear(torch.ones(1, 2), torch.ones(1, 2))
    assert rules.last is None
