"""LIME against the authors' package, Kernel SHAP against Shapley values by their definition."""

from __future__ import annotations

import itertools
import math
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from raybench.attributions import bind
from raybench.attributions.asking.copies.coalitions import shapley_coalitions
from raybench.attributions.asking.copies.segments import colours_of, segmented
from raybench.attributions.methods.perturbation import superpixels
from raybench.attributions.methods.perturbation.superpixels import _shapley_values
from raybench.base import RaybenchError

ASKED = torch.tensor([0, 0]), torch.tensor([3, 1])


def lime_explainer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lime.lime_image import LimeImageExplainer
    return LimeImageExplainer()


@pytest.mark.parametrize("width", [0.25, 0.4])
def test_lime_is_the_authors_for_their_samples(small, image, monkeypatch, width):
    explainer = lime_explainer()
    explainer.base.kernel_fn = lambda distances: np.sqrt(np.exp(-(distances**2) / width**2))
    segments = segmented("lime", small, image[0], "cells", 4)
    drawn = []
    draw = explainer.data_labels

    def kept(*args, **options):
        drawn.append(draw(*args, **options))
        return drawn[-1]

    monkeypatch.setattr(explainer, "data_labels", kept)
    theirs = explainer.explain_instance(
        image[0].permute(1, 2, 0).numpy(),
        lambda pictures: small.module(torch.tensor(np.array(pictures)).permute(0, 3, 1, 2)).softmax(dim=1),
        labels=ASKED[1].tolist(),
        num_samples=60,
        segmentation_fn=lambda _picture: segments.numpy(),
        random_seed=4,
        top_labels=None,
    )
    members = torch.from_numpy(drawn[0][0]).double()
    monkeypatch.setattr(superpixels, "coin_flips", lambda seed, count, samples: members)
    maps = bind("lime", {"cells": 4, "width": width}).raw(small, image, *ASKED, seeds=[0])
    for found, class_index in zip(maps, ASKED[1].tolist(), strict=True):
        expected = torch.zeros(16, dtype=torch.float64)
        for segment, weight in theirs.local_exp[class_index]:
            expected[segment] = weight
        torch.testing.assert_close(found, expected[segments].float(), rtol=1e-6, atol=1e-9)


def shapley_by_definition(values, count):
    """Mean gain of each player over all orders, from the value of every set (a frozenset)."""
    found = []
    for player in range(count):
        others = [other for other in range(count) if other != player]
        gain = 0
        for size in range(count):
            share = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for members in itertools.combinations(others, size):
                gain += share * (values[frozenset((*members, player))] - values[frozenset(members)])
        found.append(float(gain))
    return found


def test_kernel_shap_is_exact_over_all_coalitions_of_six_segments(small, image, monkeypatch):
    segments = (torch.arange(9) * 2 // 9)[:, None] * 3 + torch.arange(13) * 3 // 13
    monkeypatch.setattr(superpixels, "segmented", lambda *_: segments)
    maps = bind("kernel_shap").raw(small, image, *ASKED, seeds=[0])
    every = [frozenset(s) for size in range(7) for s in itertools.combinations(range(6), size)]
    shown = torch.stack([image[0] * sum(segments == member for member in members) for members in every])
    scores = small.module(shown)[:, ASKED[1]]
    for row, score in zip(maps, scores.T, strict=True):
        values = shapley_by_definition(dict(zip(every, score, strict=True)), 6)
        torch.testing.assert_close(row, torch.tensor(values)[segments], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
def test_values_of_a_game_with_all_coalitions_are_exact(count):
    asked = shapley_coalitions(0, count, 2**count - 2)
    assert len({tuple(row) for row in asked.members.tolist()}) == 2**count
    game = torch.randn(2**count, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    names = [frozenset(row.nonzero().flatten().tolist()) for row in asked.members]
    expected = shapley_by_definition(dict(zip(names, game, strict=True)), count)
    assert _shapley_values(asked, game).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("count", "samples"), [(20, 40), (20, 300), (49, 2146), (9, 100)])
def test_few_coalitions_are_enough_where_segments_add_up_and_the_ends_are_always_met(count, samples):
    asked = shapley_coalitions(3, count, samples)
    assert samples - 1 <= len(asked.members) - 2 <= samples
    sizes = asked.members.sum(dim=1)
    assert sizes[:2].tolist() == [0, count]
    assert ((sizes[2:] > 0) & (sizes[2:] < count)).all()
    worth = torch.arange(count, dtype=torch.float64) - 4
    assert _shapley_values(asked, 2 + asked.members @ worth).tolist() == pytest.approx(worth.tolist())
    game = torch.randn(len(sizes), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert float(_shapley_values(asked, game).sum()) == pytest.approx(float(game[1] - game[0]))


def test_coalitions_that_are_drawn_count_as_much_as_their_sizes_do():
    asked = shapley_coalitions(5, 12, 1000)
    sizes = asked.members.sum(dim=1)[2:]
    weights = torch.stack([asked.weights[2:][sizes == size].sum() for size in range(1, 12)])
    expected = torch.tensor([11 / (size * (12 - size)) for size in range(1, 12)], dtype=torch.float64)
    assert weights.sum() == pytest.approx(float(expected.sum()))
    assert (weights / expected - 1).abs().max() < 0.2  # drawn some 50 times or more for each size
    torch.testing.assert_close(weights[:2], expected[:2])  # all sets of one and of two segments are there
    pairs = asked.members[2:].flip(0)  # those drawn come last, in pairs
    assert torch.equal(pairs[0:200:2], 1 - pairs[1:200:2])


def test_sampled_values_come_near_the_exact_ones():
    count = 10
    names = list(itertools.product([0.0, 1.0], repeat=count))
    game = {
        name: math.tanh(0.3 * sum((i % 4 - 1) * v for i, v in enumerate(name))) + name[0] * name[3]
        for name in names
    }
    sets = {frozenset(i for i, v in enumerate(name) if v): value for name, value in game.items()}
    expected = torch.tensor(shapley_by_definition(sets, count))
    errors = []
    for samples in (60, 500):
        asked = shapley_coalitions(1, count, samples)
        scores = torch.tensor([game[tuple(row)] for row in asked.members.tolist()], dtype=torch.float64)
        errors.append(float((_shapley_values(asked, scores) - expected).abs().max()))
    assert errors[1] < errors[0] < 0.05
    assert errors[1] < 0.01  # of values up to 0.95


@pytest.mark.parametrize("method", ["lime", "kernel_shap"])
def test_a_network_that_reads_one_cell_gives_it_all_relevance(small, method):
    class Corner(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1), requires_grad=False)

        def forward(self, images):
            bright = 3 * images[:, 0, :4, 8:].mean(dim=(1, 2))
            return torch.stack([bright, -bright], dim=1)

    ones = torch.ones(1, 3, 12, 12)
    options = {"cells": 3, "samples": 300, "fill": "mean"}
    query = replace(small, module=Corner()), ones, torch.tensor([0]), torch.tensor([0])
    (found,) = bind(method, options)(*query, seeds=[1])
    inside = torch.zeros(12, 12, dtype=torch.bool)
    inside[:4, 8:] = True
    assert found[inside].min() > 100 * found[~inside].max()


def test_grids_are_of_equal_cells_and_every_pixel_has_the_mean_colour_of_its_own(small, image):
    segments = segmented("lime", small, torch.zeros(3, 4, 6), "cells", 2)
    assert segments.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2
    picture = torch.arange(24.0).view(1, 4, 6).expand(3, 4, 6) * torch.tensor([1, 2, -1])[:, None, None]
    colours = colours_of(segments, picture)
    assert colours[:, 0, 2].tolist() == [4, 8, -4]  # 0, 1, 2, 6, 7 and 8
    assert colours[0, 3].tolist() == [16, 16, 16, 19, 19, 19]


@pytest.mark.parametrize("kind", ["slic", "quickshift"])
def test_segments_of_scikit_image_follow_edges_and_have_no_gaps(small, kind):
    picture = torch.full((3, 40, 60), -1.0)
    picture[0, :, 25:] = 1.5
    segments = segmented("lime", small, picture, kind, 4)
    assert segments.unique().tolist() == list(range(int(segments.max()) + 1))
    assert len(segments.unique()) > 1
    left, right = (set(part.flatten().tolist()) for part in (segments[:, :25], segments[:, 25:]))
    assert not left & right


def test_without_scikit_image_its_segments_are_refused_and_the_grid_works(small, image, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(RaybenchError, match="lime: segments by slic need scikit-image; install it, or set"):
        bind("lime", {"segments": "slic"})(small, image, *ASKED, seeds=[0])
    assert bind("lime", {"samples": 2})(small, image, *ASKED, seeds=[0]).shape == (2, 9, 13)


def test_what_cannot_be_asked_is_refused(small, image):
    with pytest.raises(RaybenchError, match="an image of 9 x 13 pixels is smaller than its 10 x 10 cells"):
        bind("lime", {"cells": 10})(small, image, *ASKED, seeds=[0])
    with pytest.raises(RaybenchError, match="17 samples do not determine the values of 9 segments; .* to 18"):
        bind("kernel_shap", {"cells": 3, "samples": 17})(small, image, *ASKED, seeds=[0])
    with pytest.raises(RaybenchError, match="option 'ridge' of attribution 'lime' is"):
        bind("lime", {"ridge": -1.0})


def test_the_forecast_counts_what_is_asked():
    assert bind("lime").passes.forwards(images=2, queries=6) == 2000
    assert bind("kernel_shap").passes.forwards(images=1, queries=3) == 2 + 98 + 2048
    assert bind("kernel_shap", {"cells": 2}).passes.forwards(images=1, queries=3) == 16
