"""Meaningful perturbations against a slow second implementation, and on a network that looks at one place."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from raybench.attributions import bind
from raybench.attributions.asking.copies.blurring import blurred
from raybench.attributions.methods.perturbation.meaningful_masks import _shifts

IMAGE = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
ZERO = torch.tensor([0])


def disc(module, sharp, soft, target):
    """Hide places within a growing distance from the middle, until a hundredth of the fall is left."""
    whole, none = (float(module(one).softmax(dim=1)[0, target]) for one in (sharp, soft))
    away = torch.tensor([[((y - 1.5) ** 2 + (x - 2.5) ** 2) ** 0.5 for x in range(6)] for y in range(4)])
    for share in range(1, 20):
        mask = (away > share / 20 * away.max()).double()
        large = F.interpolate(mask[None, None], (16, 24), mode="bilinear", align_corners=False)
        left = float(module(large * sharp + (1 - large) * soft).softmax(dim=1)[0, target])
        if left - none <= 0.01 * (whole - none):
            return mask
    return torch.zeros(4, 6, dtype=torch.float64)


def slowly(module, image, target, shifts, blur):
    """Adam by its formulas, sums by loops; the paper's weights."""
    sharp, soft = image, blurred(image, blur)
    mask = disc(module, sharp, soft, target)
    first, second = torch.zeros_like(mask), torch.zeros_like(mask)
    for step, (rows, columns) in enumerate(shifts, start=1):
        mask.requires_grad_()
        large = F.interpolate(mask[None, None], (16, 24), mode="bilinear", align_corners=False)
        shown = large * sharp.roll((rows, columns), (2, 3)) + (1 - large) * soft.roll((rows, columns), (2, 3))
        loss = module(shown).softmax(dim=1)[0, target]
        for y in range(4):
            for x in range(6):
                loss = loss + 1e-4 * (1 - mask[y, x]).abs()
                if y:
                    loss = loss + 1e-2 * (mask[y, x] - mask[y - 1, x]).abs() ** 3
                if x:
                    loss = loss + 1e-2 * (mask[y, x] - mask[y, x - 1]).abs() ** 3
        (gradient,) = torch.autograd.grad(loss, mask)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        change = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        mask = (mask.detach() - 0.1 * change).clamp(0, 1)
    return 1 - F.interpolate(mask[None, None], (16, 24), mode="bilinear", align_corners=False)[0, 0]


def test_maps_are_those_of_a_slow_second_implementation(loaded):
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    module[-1].weight.data *= 20
    network = loaded(module.double())
    fall = module(IMAGE).softmax(dim=1) - module(blurred(IMAGE, 2.0)).softmax(dim=1)
    target = int(fall.argmax())
    options = {"steps": 5, "cells": 4, "jitter": 30, "blur": 28.0}  # of 16 pixels: up to 2, and 2
    found = bind("meaningful_perturbation", options)(network, IMAGE, ZERO, ZERO + target, seeds=[7])[0]
    shifts = _shifts(7, 5, 2)
    assert len(set(shifts)) > 1
    assert max(abs(one) for shift in shifts for one in shift) == 2
    expected = slowly(module, IMAGE, target, shifts, 2.0)
    assert 0 < float(expected.min()) < float(expected.max())
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_it_hides_the_one_place_that_the_class_depends_on(loaded, multi_label):
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 24, 2)).double()
    module[1].weight.data.zero_()
    module[1].weight.data.view(2, 3, 16, 24)[1, :, 4:8, 12:16] = 0.1
    module[1].bias.data.zero_()
    network = loaded(module)
    network = type(network)(network.module, None, multi_label=multi_label)
    image = torch.zeros_like(IMAGE)
    image[..., 4:8, 12:16] = 1
    options = {
        "steps": 60,
        "cells": 4,
        "jitter": 0,
        "blur": 200.0,
        "size_weight": 0.02,
        "variation_weight": 0,
    }
    found = bind("meaningful_perturbation", options)(network, image, ZERO, ZERO + 1, seeds=[1])[0]
    inside = torch.zeros(16, 24, dtype=torch.bool)
    inside[4:8, 12:16] = True
    assert float(found[inside].mean()) > 0.8
    assert float(found[~inside].mean()) < 0.2
