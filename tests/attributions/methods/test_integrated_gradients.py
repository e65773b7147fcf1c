"""Integrated gradients against captum, completeness, and a network whose integral is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from raybench.attributions import bind
from raybench.checkpoints import load_network

ASKED = torch.tensor([0, 0]), torch.tensor([3, 1])


@pytest.fixture
def image():
    return torch.rand(1, 3, 9, 13, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4 - 2


@pytest.mark.parametrize(("baseline", "value"), [("black", -2.0), ("mean", 0.0), ("white", 2.0)])
def test_it_is_captums_for_the_same_sum(small, image, baseline, value):
    maps = bind("integrated_gradients", {"steps": 7, "baseline": baseline}).raw(small, image, *ASKED)
    for row, class_index in zip(maps, ASKED[1].tolist(), strict=True):
        theirs = IntegratedGradients(small.module).attribute(
            image,
            baselines=torch.full_like(image, value),
            target=class_index,
            n_steps=7,
            method="riemann_middle",
        )
        torch.testing.assert_close(row, theirs.sum(dim=1)[0].float())


@pytest.mark.parametrize("baseline", ["black", "mean", "white"])
def test_relevance_adds_up_to_the_difference_of_the_scores(baseline):
    network = load_network("shapes-baseline")  # trained: the scores of random weights hardly move
    rows, columns = torch.meshgrid(torch.arange(80), torch.arange(80), indexing="ij")
    disc = ((rows - 40) ** 2 + (columns - 45) ** 2 < 400).float()
    pixels = (40 + 180 * disc * torch.tensor([1.0, 0.3, 0.2])[:, None, None])[None]
    image = network.normalise(pixels.to(torch.uint8))
    start = {"black": network.input_range[0], "white": network.input_range[1], "mean": 0 * image}[baseline]
    with torch.no_grad():
        logits = network.module(torch.cat([image, start.expand_as(image)]))
    gaps = logits[0] - logits[1]
    asked = gaps.abs().topk(2).indices
    maps = bind("integrated_gradients", {"baseline": baseline}).raw(network, image, ASKED[0], asked)
    assert ((maps.sum(dim=(1, 2)) - gaps[asked]).abs() <= 0.05 * gaps[asked].abs()).all()


@pytest.mark.parametrize("steps", [1, 3])
def test_a_linear_network_gives_its_weights_times_the_way(small, image, steps):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 13, 5)).double().requires_grad_(False)
    maps = bind("integrated_gradients", {"steps": steps}).raw(replace(small, module=linear), image, *ASKED)
    weights = linear[1].weight[ASKED[1]].view(2, 3, 9, 13)
    torch.testing.assert_close(maps, (weights * (image + 2)).sum(dim=1).float())


def test_an_image_that_is_its_own_baseline_has_no_relevance(small, image):
    maps = bind("integrated_gradients", {"steps": 2})(small, torch.full_like(image, -2), *ASKED)
    assert not maps.any()


def test_colours_without_a_sign_are_not_negative(small, image):
    signed = bind("integrated_gradients", {"steps": 2}).raw(small, image, *ASKED)
    largest = bind("integrated_gradients", {"steps": 2, "colours": "max"})(small, image, *ASKED)
    assert (signed < 0).any()
    assert (largest >= 0).all()
