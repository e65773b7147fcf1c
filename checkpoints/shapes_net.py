"""A small residual network for the generated `shapes` pictures."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

from torch import nn
from torchvision.models.resnet import BasicBlock

_WIDTHS = (16, 32, 64, 96)
_STRIDES = (1, 2, 2, 1)


def shapes_net(num_classes: int) -> nn.Sequential:
    """Build a residual network of ten layers (about 220,000 parameters), with torchvision's layer names.

    Its last stage, `layer4`, has 96 channels at an eighth of the input's size, with a receptive field of 79
    pixels: about a whole `shapes` picture at a shorter side of 80. `avgpool` is a module of its own, so that
    a card can replace it by max pooling.

    Args:
        num_classes: length of the logits.

    Returns:
        images (B, 3, H, W) float to logits (B, num_classes), for any H and W of 8 or more.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, _WIDTHS[0], 3, stride=2, padding=1, bias=False),
        bn1=nn.BatchNorm2d(_WIDTHS[0]),
        relu=nn.ReLU(inplace=True),
    )
    channels = _WIDTHS[0]
    for stage, (width, stride) in enumerate(zip(_WIDTHS, _STRIDES, strict=True), start=1):
        layers[f"layer{stage}"] = _block(channels, width, stride)
        channels = width
    layers.update(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(channels, num_classes))
    return nn.Sequential(layers)


def _block(channels: int, width: int, stride: int) -> nn.Module:
    """One residual block, with a projection where the shape changes."""
    projection = None
    if channels != width or stride != 1:
        projection = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))
    return cast(nn.Module, BasicBlock(channels, width, stride, projection))
