"""Tokens of transformers as maps: where each token lies in the picture."""

import pytest
import torch
from torch import nn

from raybench.attributions.layers.layouts import Layout, as_maps
from raybench.attributions.layers.tokens import convolved_sizes, token_grid
from raybench.attributions.methods.activation.cam import grad_cam
from raybench.base import RaybenchError

KINDS = ("channels_first", "channels_last", "tokens")


def test_three_layouts_of_the_same_features_give_the_same_maps():
    maps = torch.arange(2 * 4 * 2 * 3).view(2, 4, 2, 3)
    channels_last = maps.permute(0, 2, 3, 1)
    tokens = torch.cat([torch.full((2, 1, 4), -1), channels_last.reshape(2, 6, 4)], dim=1)
    for kind, features in zip(KINDS, (maps, channels_last, tokens), strict=True):
        layout = Layout(kind, 2, 3, prefix=1 if kind == "tokens" else 0)
        assert torch.equal(as_maps(features, layout), maps)


@pytest.mark.parametrize("shape", [(2, 6, 4), (2, 4, 3, 2), (7, 4)])
def test_features_that_do_not_fit_the_layout_are_refused_with_both_numbers(shape):
    with pytest.raises(RaybenchError, match=r"2 x 3 = 6 places and 1 tokens ahead"):
        as_maps(torch.zeros(shape), Layout("tokens", 2, 3, prefix=1))


@pytest.mark.parametrize(
    ("length", "sizes", "grid"),
    [
        (50, [(7, 7)], ("tokens", 7, 7, 1)),
        (7 * 9 + 5, [(112, 144), (7, 9)], ("tokens", 7, 9, 5)),  # a stem ahead of the patches, registers
        (49, [(7, 7), (14, 14)], ("tokens", 7, 7, 0)),  # a convolution behind that is no grid of these tokens
    ],
)
def test_the_grid_is_that_of_the_last_convolution_that_fits(length, sizes, grid):
    assert token_grid(length, sizes) == grid


def test_a_length_that_no_convolution_fits_is_refused_with_both_numbers():
    with pytest.raises(RaybenchError, match=r"50 tokens .* \(the last of them gives 8 x 8\)"):
        token_grid(50, [(8, 8)])
    with pytest.raises(RaybenchError, match=r"50 tokens .* \(the network has none\)"):
        token_grid(50, [])


def test_no_hook_stays_on_convolutions_after_an_exception():
    conv = nn.Conv2d(3, 2, 4, stride=4)
    with convolved_sizes(conv) as sizes:
        conv(torch.zeros(1, 3, 8, 12))
    assert sizes == [(2, 3)]
    with pytest.raises(RuntimeError), convolved_sizes(conv):
        conv(torch.zeros(1, 2, 8, 12))
    assert not conv._forward_hooks


class Pooled(nn.Module):
    """Mean over places and a linear layer, of maps or of the same values as tokens behind a prefix."""

    def __init__(self, prefix):
        super().__init__()
        self.prefix = prefix
        self.conv = nn.Conv2d(3, 6, 4, stride=4)
        self.tokens = nn.Identity()
        self.head = nn.Linear(6, 5)

    def forward(self, images):
        maps = self.conv(images).relu()
        if self.prefix is None:
            return self.head(self.tokens(maps).mean(dim=(2, 3)))
        tokens = maps.flatten(2).transpose(1, 2)
        ahead = tokens.new_ones(len(tokens), self.prefix, 6)
        return self.head(self.tokens(torch.cat([ahead, tokens], dim=1))[:, self.prefix :].mean(dim=1))


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_grad_cam_on_tokens_is_grad_cam_on_the_maps_they_came_from(prefix, loaded):
    torch.manual_seed(0)
    expected, tokens = Pooled(None).double(), Pooled(prefix).double()
    tokens.load_state_dict(expected.state_dict())
    queries = torch.randn(2, 3, 8, 12).double(), torch.tensor([1, 0, 1]), torch.tensor([4, 0, 2])
    maps = grad_cam(loaded(tokens, "tokens"), *queries)
    assert maps.shape == (3, 2, 3)
    torch.testing.assert_close(maps, grad_cam(loaded(expected, "tokens"), *queries), rtol=1e-6, atol=0)
