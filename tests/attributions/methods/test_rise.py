"""RISE against TorchRay with the same masks, and against its formula."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch

from raybench.attributions import bind
from raybench.attributions.asking.copies import chunks, masking
from raybench.attributions.methods.perturbation.rise import random_masks
from raybench.base.errors import RaybenchError

ASKED = torch.tensor([0, 0]), torch.tensor([3, 1])


def test_rise_is_torchrays_for_the_same_masks(random_network):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from torchray.attribution.rise import rise as torchray_rise
    network = replace(random_network("resnet18"), multi_label=True)  # TorchRay takes the sigmoid
    image = torch.randn(1, 3, 65, 80, generator=torch.Generator().manual_seed(2))
    masks = random_masks(5, range(20), (65, 80), 7, 0.5)
    maps = bind("rise", {"masks": 20})(network, image, *ASKED, seeds=[5])
    theirs = torchray_rise(network.module, image, num_masks=20, filter_masks=masks.contiguous())[0]
    expected = theirs[[3, 1]] / 0.5
    assert ((maps - expected).abs().max() / expected.max()) <= 1e-6


def masked_by_hand(small, image, masks):
    """Probability (m, K) of the classes asked about under each mask."""
    return small.module(image * masks).softmax(dim=1)[:, ASKED[1]]


@pytest.mark.parametrize("normalised", ["expected", "observed"])
@pytest.mark.parametrize("centred", [False, True])
def test_all_forms_are_what_their_formulas_say(small, image, normalised, centred):
    options = {"masks": 12, "cells": 3, "probability": 0.3, "normalised": normalised, "centred": centred}
    maps = bind("rise", options).raw(small, image, *ASKED, seeds=[8])
    masks = random_masks(8, range(12), (9, 13), 3, 0.3).double()
    scores = masked_by_hand(small, image, masks)
    for place in range(2):
        offset, shown = (scores[:, place].mean(), 0.3) if centred else (0, 0)
        total = sum(
            (score - offset) * (mask[0] - shown) for score, mask in zip(scores[:, place], masks, strict=True)
        )
        divisor = 12 * 0.3 if normalised == "expected" else masks.sum(dim=(0, 1))
        torch.testing.assert_close(maps[place], torch.nan_to_num(total / divisor).float())


def test_only_centred_maps_have_a_sign():
    assert bind("rise").sign is None
    assert bind("rise", {"centred": True}).options == {"centred": True, "sign": "positive"}
    with pytest.raises(RaybenchError, match="attribution 'rise' gives maps without a sign"):
        bind("rise", {"sign": "absolute"})


def test_masks_are_shown_as_often_as_they_should():
    masks = random_masks(0, range(2000), (14, 21), 7, 0.25)
    assert masks.shape == (2000, 1, 14, 21)
    assert (masks.min(), masks.max()) == (0, 1)
    assert (masks.mean(dim=0) - 0.25).abs().max() < 0.05  # four standard deviations of a pixel's mean


def test_a_mask_depends_on_its_number_and_the_seed_alone():
    masks = random_masks(3, range(5), (9, 9), 3, 0.5)
    assert torch.equal(random_masks(3, range(2, 4), (9, 9), 3, 0.5), masks[2:4])
    assert not torch.equal(random_masks(4, range(5), (9, 9), 3, 0.5), masks)


def test_a_network_that_reads_one_corner_is_found_out(small):
    class Corner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1), requires_grad=False)

        def forward(self, images):
            bright = images[:, 0, :4, :4].mean(dim=(1, 2))
            return torch.stack([10 * bright, -10 * bright], dim=1)

    corner = replace(small, module=Corner())
    ones = torch.ones(1, 3, 12, 12)
    options = {"masks": 200, "cells": 3, "centred": True}
    (found,) = bind("rise", options)(corner, ones, torch.tensor([0]), torch.tensor([0]), seeds=[1])
    assert found[:4, :4].mean() > 3 * found[4:, 4:].mean()
    assert divmod(int(found.argmax()), 12) <= (3, 3)


def test_images_smaller_than_the_cells_are_refused(small, image):
    with pytest.raises(RaybenchError, match="an image of 9 x 13 pixels is smaller than its 10 x 10 cells"):
        bind("rise", {"cells": 10})(small, image, *ASKED, seeds=[0])


@pytest.mark.parametrize("option", [{"masks": 0}, {"probability": 1.0}, {"normalised": "twice"}])
def test_options_that_make_no_sense_are_refused(option):
    with pytest.raises(RaybenchError, match=f"option '{next(iter(option))}' of attribution 'rise' is"):
        bind("rise", option)


def test_a_chunk_that_does_not_fit_is_halved(monkeypatch):
    monkeypatch.setattr(masking, "_AT_ONCE", {"cpu": 8})
    asked = []

    def ask(part):
        asked.append(list(part))
        if len(part) > 3:
            raise torch.OutOfMemoryError("too much")
        return list(part)

    found = list(chunks.in_chunks(7, torch.device("cpu"), {"cpu": 8}, ask, "x"))
    assert found == [[0, 1, 2], [3, 4, 5], [6]]
    assert asked == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2], [3, 4, 5], [6]]

    def never(part):
        raise torch.OutOfMemoryError("too much")

    with pytest.raises(torch.OutOfMemoryError):
        list(chunks.in_chunks(2, torch.device("cpu"), {"cpu": 8}, never, "x"))
