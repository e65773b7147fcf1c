"""Occlusion against captum, and by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from captum.attr import Occlusion
from torch import nn

from raybench.attributions import bind
from raybench.attributions.methods.perturbation.occlusion import windows
from raybench.base import RaybenchError

ASKED = torch.tensor([0, 0]), torch.tensor([3, 1])


def captums(network, image, side, step, value):
    with torch.no_grad():
        maps = [
            Occlusion(network.module).attribute(
                image, (3, side, side), strides=(3, step, step), baselines=value, target=class_index
            )
            for class_index in ASKED[1].tolist()
        ]
    return torch.cat(maps)[:, 0].float()


@pytest.mark.parametrize(("window", "side"), [(2 / 9, 2), (4 / 9, 4), (1, 9)])
@pytest.mark.parametrize(("stride", "step"), [(1 / 9, 1), (2 / 9, 2)])
@pytest.mark.parametrize(("fill", "value"), [("mean", 0), ("black", -2), ("white", 2)])
def test_it_is_captums_also_where_windows_are_cut_at_the_edges(
    small, image, window, side, stride, step, fill, value
):
    options = {"window": window, "stride": stride, "fill": fill}
    maps = bind("occlusion", options).raw(small, image, *ASKED)
    torch.testing.assert_close(maps, captums(small, image, side, step, value))


def test_windows_are_shares_of_the_shorter_side_and_cover_all_pixels():
    assert len(windows((224, 224), 2 / 7, 1 / 7)) == 36
    found = windows((224, 300), 2 / 7, 1 / 7)
    assert found[:2] == [(slice(0, 64), slice(0, 64)), (slice(0, 64), slice(32, 96))]
    assert found[-1] == (slice(160, 224), slice(256, 320))  # cut at 300
    for size in ((5, 7), (31, 20), (64, 100)):
        covered = torch.zeros(size)
        for place in windows(size, 2 / 7, 1 / 7):
            covered[place] += 1
        assert (covered > 0).all()


def test_the_mean_over_overlapping_windows_is_as_computed_by_hand(small):
    """A network that sums all pixels: hiding a window takes away its sum."""
    total = nn.Linear(27, 1, bias=False)
    total.weight.data.fill_(1)
    network = replace(small, module=nn.Sequential(nn.Flatten(), total).requires_grad_(False))
    image = torch.tensor([[1.0, 2, 4], [0, 0, 0], [0, 0, 0]]).expand(1, 3, 3, 3) / 3
    (found,) = bind("occlusion", {"window": 2 / 3, "stride": 1 / 3}).raw(
        network, image, torch.tensor([0]), torch.tensor([0])
    )
    # the upper windows hide 1 + 2 and 2 + 4, the lower ones nothing
    assert found.tolist() == [
        pytest.approx([3, 4.5, 6]),
        pytest.approx([1.5, 2.25, 3]),
        pytest.approx([0, 0, 0]),
    ]


def test_pixels_that_no_window_reaches_get_nothing(small, image):
    maps = bind("occlusion", {"window": 1 / 9, "stride": 3 / 9}).raw(small, image, *ASKED)
    assert (maps[:, ::3, ::3] != 0).any()
    maps[:, ::3, ::3] = 0
    assert (maps == 0).all()


def test_the_forecast_counts_the_windows_of_a_square_image():
    assert bind("occlusion").passes.forwards(images=2, queries=6) == 2 * 37
    assert bind("occlusion", {"stride": 2 / 7}).passes.forwards(images=1, queries=1) == 1 + 16


@pytest.mark.parametrize("option", [{"window": 0}, {"stride": 1.5}, {"fill": "grey"}])
def test_options_that_make_no_sense_are_refused(option):
    with pytest.raises(RaybenchError, match=f"option '{next(iter(option))}' of attribution 'occlusion' is"):
        bind("occlusion", option)
