"""Maps are read wherever channels lie."""

import pytest
import torch
import torchvision
from torch import nn

from raybench.attributions.methods.activation.cam import grad_cam, grad_cam_elementwise
from raybench.attributions.methods.relevance.excitation_backprop import excitation_backprop


class ChannelsLast(nn.Module):
    """A layer that works with channels last and, like a Swin Transformer, turns them back."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.features = torchvision.ops.Permute([0, 2, 3, 1])
        self.permute = torchvision.ops.Permute([0, 3, 1, 2])
        self.head = nn.Linear(channels, 5)

    def forward(self, images):
        return self.head(self.permute(self.features(self.conv(images).relu())).mean((2, 3)))


ASKED = torch.tensor([0, 0]), torch.tensor([1, 3])


@pytest.mark.parametrize("method", [grad_cam, grad_cam_elementwise, excitation_backprop])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (15, 40), (40, 15)])
@pytest.mark.parametrize("channels", [3, 8, 16, 20])  # with 8, a square of 16 has features (1, 8, 8, 8)
def test_channels_last_give_the_map_of_the_same_features_with_channels_first(
    method, height, width, channels, small
):
    module = ChannelsLast(channels).eval().requires_grad_(False)
    images = torch.randn(1, 3, height, width)
    maps = [method(type(small)(module, layer), images, *ASKED) for layer in ("features", "permute")]
    torch.testing.assert_close(*maps)
    assert maps[0].shape == (2, (height + 1) // 2, (width + 1) // 2)
    assert not any(part._forward_hooks for part in module.modules())


@pytest.mark.parametrize("height", [8, 9, 16, 31, 32])
@pytest.mark.parametrize("channels", [1, 4, 5, 8, 16])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_maps_of_any_odd_size_are_accepted(height, channels, stride, small):
    trunk = nn.Sequential(nn.Conv2d(3, channels, 3, stride=stride, padding=1), nn.ReLU())
    module = nn.Sequential(trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5))
    network = type(small)(module.eval().requires_grad_(False), "0")
    for width in (height, channels * stride, 3 * height):
        maps = grad_cam(network, torch.randn(1, 3, height, width), *ASKED)
        assert maps.shape == (2, -(-height // stride), -(-width // stride))


def test_a_swin_transformer_is_read_ahead_of_its_permutation_as_behind(small):
    module = torchvision.models.swin_t(weights=None).eval().requires_grad_(False)
    images = torch.randn(1, 3, 192, 128)
    maps = [grad_cam(type(small)(module, layer), images, *ASKED) for layer in ("norm", "permute")]
    torch.testing.assert_close(*maps)
    assert maps[0].shape == (2, 6, 4)
