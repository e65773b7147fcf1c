"""Fully convolutional networks as Caffe defined them, of which TorchRay has published weights.

A card names them as `raybench.checkpoints.building.caffe:vgg16_convolutional`. They score every window of a
picture of any size, and pool the scores of a class by the logarithm of their mean exponential. The gradient
of that is a softmax over the windows, which is what TorchRay propagates back; a picture of 224 x 224 has one
window, whose score stays as it is.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn
from torchvision import models

_WINDOW = 7  # positions of the last features on each side of a window
_CHANNELS = 512  # of VGG16's last features
_LINEAR = {"classifier.2": "classifier.3", "classifier.4": "classifier.6"}
"""Layers of the published file, which has no dropout among them, and of torchvision."""

_SPLIT = re.compile(r"(bn\d|downsample\.1)\.[01]\.")
"""A batch normalisation that the published file holds as two layers: statistics, then scale and shift."""


class LogMeanExp(nn.Module):
    """Pools scores (B, C, h, w) to (B, C): the logarithm of the mean of their exponentials."""

    def forward(self, scores: Tensor) -> Tensor:
        """Pool; a single window keeps its score."""
        windows = scores.flatten(2)
        return windows.logsumexp(dim=2) - math.log(windows.shape[2])


class _Mean(nn.Module):
    """Pools scores (B, C, h, w) to (B, C) by their mean."""

    def forward(self, scores: Tensor) -> Tensor:
        return scores.mean(dim=(2, 3))


class _Vgg16(nn.Sequential):
    """See `vgg16_convolutional`."""

    def translated(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors of the published file under the names and in the shapes of this network."""
        if "classifier.2.weight" not in tensors:
            return dict(tensors)
        found = {}
        for key, tensor in tensors.items():
            layer, _, name = key.rpartition(".")
            if key == "features.0.weight":
                tensor = tensor.flip(1)  # blue, green, red
            elif layer.startswith("classifier.") and name == "weight":
                side = _WINDOW if layer == "classifier.0" else 1
                tensor = tensor.reshape(len(tensor), -1, side, side)
            found[f"{_LINEAR.get(layer, layer)}.{name}"] = tensor
        return found


class _ResNet50(nn.Sequential):
    """See `resnet50_convolutional`."""

    def translated(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As `_Vgg16.translated`."""
        if not any(_SPLIT.search(key) for key in tensors):
            return dict(tensors)
        found = {_SPLIT.sub(r"\1.", key): tensor for key, tensor in tensors.items()}
        found["conv1.weight"] = found["conv1.weight"].flip(1)
        if found["fc.weight"].ndim == 2:
            found["fc.weight"] = found["fc.weight"][:, :, None, None]
        return found


def vgg16_convolutional(num_classes: int, *, mean: bool = False) -> nn.Module:
    """Build VGG16 with convolutions in place of its linear layers, and poolings that round up.

    Layers have torchvision's names.

    Args:
        num_classes: length of the logits.
        mean: pool the windows' scores by their mean, as TorchRay does for extremal perturbations.

    Returns:
        images (B, 3, H, W), H and W from 224, to logits (B, num_classes).

    Source: K. Simonyan and A. Zisserman, Very Deep Convolutional Networks, ICLR 2015; fine-tuned by Zhang et
        al., Top-down Neural Attention by Excitation Backprop, ECCV 2016.
    """
    plain = models.vgg16(weights=None, num_classes=num_classes)
    for layer in plain.features:
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = True
    classifier = nn.Sequential(
        *(nn.Conv2d(_CHANNELS, 4096, _WINDOW), nn.ReLU(inplace=True), nn.Dropout()),
        *(nn.Conv2d(4096, 4096, 1), nn.ReLU(inplace=True), nn.Dropout()),
        nn.Conv2d(4096, num_classes, 1),
    )
    layers = OrderedDict(
        features=plain.features, classifier=classifier, pooling=_Mean() if mean else LogMeanExp()
    )
    return _Vgg16(layers)


def resnet50_convolutional(num_classes: int, *, window: int = _WINDOW) -> nn.Module:
    """Build ResNet50 as Caffe has it, with a convolution in place of its linear layer.

    It differs from torchvision's in its first convolution, which has a bias; in the pooling behind it, which
    is not padded and rounds up; and in the first blocks of `layer2` to `layer4`, whose 1 x 1 convolution has
    the stride. Layers have torchvision's names.

    Args:
        num_classes: length of the logits.
        window: positions on each side of the windows that are averaged and scored; 0 averages the picture.

    Returns:
        images (B, 3, H, W), H and W from 224, to logits (B, num_classes).

    Source: K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016; fine-tuned as VGG16 is.
    """
    plain = models.resnet50(weights=None, num_classes=num_classes)
    plain.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=True)
    plain.maxpool = nn.MaxPool2d(3, stride=2, padding=0, ceil_mode=True)
    for layer in (plain.layer2, plain.layer3, plain.layer4):
        first = layer[0]
        first.conv1.stride, first.conv2.stride = (2, 2), (1, 1)
    plain.avgpool = nn.AvgPool2d(window, stride=1) if window else nn.AdaptiveAvgPool2d(1)
    plain.fc = nn.Conv2d(plain.fc.in_features, num_classes, 1)
    layers = OrderedDict(plain.named_children())
    layers["pooling"] = LogMeanExp()
    return _ResNet50(layers)
