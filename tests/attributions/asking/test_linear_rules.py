"""Each rule of relevance propagation a second time: by its formula, one input and one output at a time."""

import pytest
import torch
import torch.nn.functional as F

from raybench.attributions.asking.rules import calls
from raybench.attributions.asking.rules.backward_rules import Rules, merged, passed, pooled, rows, weighted
from raybench.attributions.methods.relevance.lrp import (
    FLAT,
    PLUS,
    alpha_beta_rule,
    box_rule,
    composite,
    epsilon_rule,
    gamma_rule,
)


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LOW, HIGH = torch.full((4, 1, 1), -2.5), torch.full((4, 1, 1), 3.0)
GAMMA, BETA, EPSILON = 0.25, 0.5, 0.1


def plus(number):
    return max(number, 0.0)


def minus(number):
    return min(number, 0.0)


def raised(number):
    return number + GAMMA * plus(number)


def lowered(number):
    return number + GAMMA * minus(number)


def terms(name, x, w, b, y):
    """Pairs (coefficient, contribution of input and weight) and what the bias adds, of an output y."""
    if name == "epsilon":
        return [(1, lambda x, w: x * w, b)]
    if name == "plus":
        return [(1, lambda x, w: plus(x) * plus(w) + minus(x) * minus(w), plus(b))]
    if name == "alpha_beta":
        return [
            (1 + BETA, lambda x, w: plus(x) * plus(w) + minus(x) * minus(w), plus(b)),
            (-BETA, lambda x, w: plus(x) * minus(w) + minus(x) * plus(w), minus(b)),
        ]
    if name == "gamma" and y > 0:
        return [(1, lambda x, w: plus(x) * raised(w) + minus(x) * lowered(w), raised(b))]
    if name == "gamma" and y < 0:
        return [(1, lambda x, w: plus(x) * lowered(w) + minus(x) * raised(w), lowered(b))]
    if name == "box":
        low, high = float(LOW[0]), float(HIGH[0])
        return [(1, lambda x, w: x * w - low * plus(w) - high * minus(w), 0.0)]
    assert name == "flat"
    return [(1, lambda x, w: float(w != 0), 0.0)]


RULES = {
    "epsilon": epsilon_rule(EPSILON),
    "plus": PLUS,
    "alpha_beta": alpha_beta_rule(BETA),
    "gamma": gamma_rule(GAMMA),
    "flat": FLAT,
    "box": box_rule(LOW, HIGH),
}


def by_formula(name, inputs, matrix, biases, received):
    """R_j = sum_i of the share of j in output i, one after the other."""
    epsilon = EPSILON if name == "epsilon" else 1e-6
    handed = [0.0] * len(inputs)
    for weights, bias, arrived in zip(matrix, biases, received, strict=True):
        y = bias + sum(x * w for x, w in zip(inputs, weights, strict=True))
        for coefficient, contribution, added in terms(name, inputs, weights, bias, y):
            parts = [contribution(x, w) for x, w in zip(inputs, weights, strict=True)]
            total = added + sum(parts)
            total += epsilon if total >= 0 else -epsilon
            for j, part in enumerate(parts):
                handed[j] += coefficient * part / total * arrived
    return torch.tensor(handed, dtype=torch.float64)


def matrix_of(function, shape):
    """The matrix and the bias of an affine function on flattened tensors."""
    zero = torch.zeros(1, *shape, dtype=torch.float64)
    bias = function(zero).flatten()
    columns = []
    for unit in range(zero.numel()):
        basis = zero.clone().flatten()
        basis[unit] = 1
        columns.append(function(basis.view_as(zero)).flatten() - bias)
    # the bias comes back as rounding where nothing is connected
    matrix = torch.stack(columns, dim=1)
    return matrix.masked_fill(matrix.abs() < 1e-12, 0).tolist(), bias.tolist()


NORM = (numbers(6, seed=5), numbers(6, seed=6).abs() + 0.5, numbers(6, seed=7), numbers(6, seed=8))
LAYERS = {
    "linear": ((4,), lambda x: F.linear(x, numbers(6, 4, seed=1), numbers(6, seed=2))),
    "convolution": ((4, 5), lambda x: F.conv1d(x, numbers(6, 4, 3, seed=1), numbers(6, seed=2), padding=1)),
    "with strides, without bias": (
        (4, 5, 4),
        lambda x: F.conv2d(x, numbers(6, 4, 3, 2, seed=1), stride=(2, 1), padding=(1, 0)),
    ),
    "with groups and gaps": (
        (4, 5, 5),
        lambda x: F.conv2d(x, numbers(6, 2, 2, 2, seed=1), numbers(6, seed=2), dilation=2, groups=2),
    ),
    "convolution and norm": (
        (4, 3, 3),
        lambda x: F.batch_norm(F.conv2d(x, numbers(6, 4, 2, 2, seed=1), numbers(6, seed=2)), *NORM),
    ),
    "convolution without bias and norm": (
        (4, 3, 3),
        lambda x: F.batch_norm(F.conv2d(x, numbers(6, 4, 2, 2, seed=1)), *NORM[:2]),
    ),
    "linear and norm": ((4,), lambda x: F.batch_norm(F.linear(x, numbers(6, 4, seed=1)), *NORM)),
    "in three dimensions": ((4, 2, 3, 2), lambda x: F.conv3d(x, numbers(6, 4, 2, 2, 1, seed=1))),
}


def handed(function, inputs, table, received):
    leaf = inputs.clone().requires_grad_()
    with Rules(table):
        result = function(leaf.clone())
    return torch.autograd.grad(result, leaf, received.view_as(result))[0]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("rule", RULES)
def test_relevance_is_that_of_the_formula(rule, layer):
    shape, function = LAYERS[layer]
    if rule == "box" and len(shape) != 3:
        return  # pixels have two dimensions
    inputs = numbers(1, *shape, seed=3)
    matrix, biases = matrix_of(function, shape)
    received = numbers(len(biases), seed=4)
    table = {**rows((*calls.CONVOLUTIONS, F.linear), weighted(RULES[rule])), F.batch_norm: merged}
    found = handed(function, inputs, table, received)
    expected = by_formula(rule, inputs.flatten().tolist(), matrix, biases, received.tolist())
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("pool", [lambda x: F.avg_pool2d(x, 2), lambda x: F.adaptive_avg_pool2d(x, (2, 1))])
def test_pooling_shares_in_proportion(pool):
    inputs = numbers(1, 2, 4, 4)
    matrix, biases = matrix_of(pool, (2, 4, 4))
    received = numbers(len(biases), seed=4)
    found = handed(pool, inputs, rows(calls.POOLINGS, pooled(RULES["epsilon"])), received)
    expected = by_formula("epsilon", inputs.flatten().tolist(), matrix, biases, received.tolist())
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-9, atol=0)


def test_only_the_first_layer_has_the_rule_of_the_first():
    double = torch.tensor([[1.0, 3.0]], dtype=torch.float64)

    def two_layers(x):
        return F.linear(F.linear(x, double.T @ double), double)

    table = {F.linear: weighted(epsilon_rule(1e-12), FLAT)}
    found = handed(two_layers, torch.tensor([[2.0, 5.0]], dtype=torch.float64), table, torch.ones(1).double())
    assert found.tolist() == [[pytest.approx(0.5, abs=1e-5), pytest.approx(0.5, abs=1e-5)]]


WEIGHT = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
MEAN_TO_TWO = (torch.tensor([0.0]).double(), torch.tensor([1.0]).double(), None, torch.tensor([2.0]).double())


def normalised(tensor):
    return F.batch_norm(tensor, *MEAN_TO_TWO, eps=0.0)


def once(x):
    return normalised(F.linear(x, WEIGHT))


def read_before(x):
    hidden = F.linear(x, WEIGHT)
    other = hidden * 0
    return normalised(hidden) + other


def read_after(x):
    hidden = F.linear(x, WEIGHT)
    return torch.cat([normalised(hidden), hidden * 0], dim=1).sum(1)


def looked_at(x):
    hidden = F.linear(x, WEIGHT)
    assert hidden.shape == (1, 1)
    assert hidden.dim() == 2
    return normalised(hidden)


def changed(x):
    return normalised(F.linear(x, WEIGHT).mul_(1))


@pytest.mark.parametrize(
    ("network", "is_merged"),
    [(once, True), (looked_at, True), (read_before, False), (read_after, False), (changed, False)],
)
def test_a_norm_is_merged_where_nobody_else_reads(network, is_merged):
    """Inputs contribute 1 and 2; the bias of two takes its share of one only where it is merged."""
    table = {F.linear: weighted(epsilon_rule(1e-12)), F.batch_norm: merged}
    inputs = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    found = handed(network, inputs, table, torch.ones(1).double())
    total = 5 if is_merged else 3
    torch.testing.assert_close(found, torch.tensor([[1 / total, 2 / total]], dtype=torch.float64))


def test_a_norm_of_the_batch_is_not_merged():
    table = {F.linear: weighted(epsilon_rule(1e-12)), F.batch_norm: merged}
    inputs = torch.tensor([[1.0, 1.0], [2.0, 0.0]], dtype=torch.float64)

    def network(x):
        return F.batch_norm(F.linear(x, WEIGHT), *MEAN_TO_TWO, training=True)

    found = handed(network, inputs, table, torch.ones(2).double())
    torch.testing.assert_close(found, torch.tensor([[1 / 3, 2 / 3], [1.0, 0.0]], dtype=torch.float64))


def test_activations_pass_and_ones_that_are_not_rectified_too():
    table = rows((*calls.RELUS, *calls.ACTIVATIONS), passed())
    inputs = torch.tensor([-1.0, 2.0])
    for function in (F.relu, torch.relu, F.gelu, F.silu, torch.sigmoid, lambda x: F.relu(x, inplace=True)):
        assert handed(function, inputs, table, torch.tensor([3.0, 4.0])).tolist() == [3.0, 4.0]


def test_branches_share_in_proportion():
    table = composite(PLUS, PLUS)
    inputs = torch.tensor([[3.0, 1.0]], dtype=torch.float64)
    found = handed(lambda x: x[:, :1] + x[:, 1:], inputs, table, torch.ones(1).double())
    torch.testing.assert_close(found, torch.tensor([[0.75, 0.25]], dtype=torch.float64), rtol=1e-6, atol=0)
