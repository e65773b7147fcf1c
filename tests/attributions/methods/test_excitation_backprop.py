"""Excitation backprop against a second implementation: loops over single units in float64."""

import pytest
import torch
from torch import nn

from raybench.attributions import bind
from raybench.attributions.methods.relevance.excitation_backprop import (
    contrastive_excitation_backprop,
    excitation_backprop,
)
from raybench.base.errors import RaybenchError, UnknownNameError


def matrix_of(function, shape):
    """The matrix of a linear function on flattened tensors, column by column."""
    columns = []
    for unit in range(int(torch.tensor(shape).prod())):
        basis = torch.zeros(shape, dtype=torch.float64).flatten()
        basis[unit] = 1
        columns.append(function(basis.view(1, *shape)).flatten())
    return torch.stack(columns, dim=1).tolist()


def winners(activations, weights, received):
    """P(a_j) = sum_i x_j w+_ij / sum_k x_k w+_ik P(a_i), equation 5 and 6 of the paper."""
    shares = [0.0] * len(activations)
    for weights_i, received_i in zip(weights, received, strict=True):
        parts = [x * max(w, 0.0) for x, w in zip(activations, weights_i, strict=True)]
        if sum(parts) > 0:
            for j, part in enumerate(parts):
                shares[j] += part / sum(parts) * received_i
    return shares


def literal(module, image, target, *, contrastive):
    """Shares at the stem of the small network, unit by unit: list of floats."""
    relu = torch.relu
    stem = relu(module.stem[0](image))
    branch = module.block.norm(module.block.conv(stem))
    block = relu(branch + stem)
    pooled = module.pool(block)
    hidden = relu(module.hidden(pooled.flatten(1)))

    one_hot = [float(unit == target) for unit in range(5)]
    classifier = module.classifier.weight
    shares = winners(hidden.flatten().tolist(), classifier.tolist(), one_hot)
    if contrastive:
        opposite = winners(hidden.flatten().tolist(), (-classifier).tolist(), one_hot)
        shares = [a - b for a, b in zip(shares, opposite, strict=True)]
    shares = [p if x > 0 else 0.0 for p, x in zip(shares, hidden.flatten().tolist(), strict=True)]
    shares = winners(pooled.flatten().tolist(), module.hidden.weight.tolist(), shares)
    shares = winners(block.flatten().tolist(), matrix_of(module.pool, block.shape[1:]), shares)
    summands = zip(shares, branch.flatten().tolist(), stem.flatten().tolist(), strict=True)
    split = [(p * a / (a + b), p * b / (a + b)) if a + b > 0 else (0.0, 0.0) for p, a, b in summands]
    through = winners(
        stem.flatten().tolist(), matrix_of(module.block.conv, stem.shape[1:]), [a for a, _ in split]
    )
    total = [a + b for a, (_, b) in zip(through, split, strict=True)]
    return torch.tensor(total).view_as(stem).sum(dim=1).clamp(min=0)


@pytest.mark.parametrize(
    ("method", "contrastive"), [(excitation_backprop, False), (contrastive_excitation_backprop, True)]
)
def test_maps_are_those_of_loops_over_units(method, contrastive, small, small_queries):
    images, image_index, class_index = small_queries
    maps = method(small, *small_queries)
    assert maps.shape == (4, 4, 6)
    assert (maps.amax(dim=(1, 2)) > 0).all()
    for n, (image, target) in enumerate(zip(image_index.tolist(), class_index.tolist(), strict=True)):
        expected = literal(small.module, images[image : image + 1], target, contrastive=contrastive)
        torch.testing.assert_close(maps[n : n + 1], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["vgg16", "alexnet", "squeezenet1_1", "densenet121", "googlenet"])
def test_shares_of_a_class_sum_to_one_where_all_branches_are_positive(name, random_network, queries):
    maps = excitation_backprop(random_network(name), *queries)
    torch.testing.assert_close(maps.sum(dim=(1, 2)), torch.ones(3), rtol=1e-3, atol=0)


def test_contrast_of_a_class_is_what_its_opposite_lacks(small):
    """The class is excited by red alone, with shares 1/4 and 3/4, its opposite by green, 1/2 and 1/2."""
    module = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module.append(nn.Linear(2, 1, bias=False))
    module[0].weight.data = torch.tensor([[1.0, 0, 0], [0, 1, 0]])[:, :, None, None]
    module[4].weight.data = torch.tensor([[2.0, -3.0]])
    network = type(small)(module.requires_grad_(False), "1", None, "2")
    image = torch.tensor([[[[1.0, 3]], [[5, 5]], [[0, 0]]]])
    zero = torch.tensor([0])
    plain = excitation_backprop(network, image, zero, zero)
    contrast = contrastive_excitation_backprop(network, image, zero, zero)
    torch.testing.assert_close(plain, torch.tensor([[[0.25, 0.75]]]))
    torch.testing.assert_close(contrast, torch.tensor([[[0.0, 0.25]]]))


def test_a_unit_that_nothing_excites_hands_nothing_down(small):
    module = nn.Sequential(
        nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4, 1, bias=False)
    )
    module[3].weight.data = torch.full((1, 4), -1.0)
    network = type(small)(module.requires_grad_(False), "1")
    zero = torch.tensor([0])
    assert torch.equal(excitation_backprop(network, torch.ones(1, 3, 1, 2), zero, zero), torch.zeros(1, 1, 2))


def test_layer_defaults_to_the_target_layer(small, small_queries):
    bare = type(small)(small.module, "stem")
    assert torch.equal(excitation_backprop(bare, *small_queries), excitation_backprop(small, *small_queries))


def test_contrast_without_a_contrast_layer_is_refused(small, small_queries):
    bare = type(small)(small.module, "stem")
    with pytest.raises(RaybenchError, match="needs a contrast layer; name one"):
        contrastive_excitation_backprop(bare, *small_queries)
    maps = contrastive_excitation_backprop(bare, *small_queries, contrast_layer="relu")
    assert torch.equal(maps, contrastive_excitation_backprop(small, *small_queries))


def test_contrast_below_the_layer_that_is_read_is_refused(small, small_queries):
    with pytest.raises(RaybenchError, match="does not lie between"):
        contrastive_excitation_backprop(small, *small_queries, layer="block", contrast_layer="stem")


@pytest.mark.parametrize("option", ["layer", "contrast_layer"])
def test_unknown_layers_are_named(option, small, small_queries):
    with pytest.raises(UnknownNameError, match="unknown layer of SmallNetwork 'blok'; did you mean 'block'"):
        contrastive_excitation_backprop(small, *small_queries, **{option: "blok"})


def test_a_layer_without_feature_maps_is_refused(small, small_queries):
    with pytest.raises(RaybenchError, match=r"layer 'hidden' gives features \(1, 6\); expected feature maps"):
        excitation_backprop(small, *small_queries, layer="hidden")


class Attending(nn.Module):
    """A stem, attention over its places, a stage of maps, a head; the stage is behind the attention."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU())
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.stage = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU())
        self.head = nn.Linear(8, 5)

    def forward(self, images):
        maps = self.stem(images)
        tokens = maps.flatten(2).transpose(1, 2)
        attended = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        maps = self.stage(attended.transpose(1, 2).reshape(maps.shape))
        return self.head(maps.mean((2, 3)))


@pytest.mark.parametrize("name", ["excitation_backprop", "contrastive_excitation_backprop"])
def test_shares_are_not_handed_down_through_attention_but_read_behind_it(name, small):
    module = Attending().eval().requires_grad_(False)
    index = torch.tensor([0])
    behind = type(small)(module, "stage", "stage", "head")
    ahead = type(small)(module, "stem", "stem", "head")
    bind(name).check(behind)
    shares = excitation_backprop(behind, torch.rand(1, 3, 96, 96), index, index)
    assert shares.shape == (1, 24, 24)
    with pytest.raises(RaybenchError, match="no rule hands anything down through .*attention"):
        bind(name).check(ahead)
    with pytest.raises(RaybenchError, match="no rule hands anything down through .*attention"):
        excitation_backprop(ahead, torch.rand(1, 3, 96, 96), index, index)
