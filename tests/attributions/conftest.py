"""Networks and queries that the attribution tests share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
import torchvision
from calling import is_defined
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class LoadedNetwork:
    """What attribution methods read of a loaded checkpoint."""

    module: nn.Module
    target_layer: str | None
    excitation_layer: str | None = None
    contrast_layer: str | None = None
    multi_label: bool = False
    input_size: tuple[int, int] | None = None
    layout: str = "auto"

    @property
    def input_range(self) -> tuple[Tensor, Tensor]:
        """As if pixels were normalised by mean 0.5 and standard deviation 0.25."""
        like = next(self.module.parameters())
        return like.new_full((3, 1, 1), -2), like.new_full((3, 1, 1), 2)


class Queries(NamedTuple):
    images: Tensor
    image_index: Tensor
    class_index: Tensor


LAYERS = {
    "alexnet": ("features.11", "features.7", "classifier.5"),
    "vgg16": ("features.29", "features.23", "classifier.4"),
    "resnet18": ("layer4", "layer3", "avgpool"),
    "resnet50": ("layer4", "layer3", "avgpool"),
    "squeezenet1_1": ("features.12", "features.9", "features.12"),
    "densenet121": ("features.norm5", "features.denseblock3", "features.norm5"),
    "mobilenet_v2": ("features", "features.13", "features"),
    "mobilenet_v3_small": ("features", "features.8", "avgpool"),
    "convnext_tiny": ("features", "features.5", "avgpool"),
    "googlenet": ("inception5b", "inception4e", "avgpool"),
    "shufflenet_v2_x0_5": ("conv5", "stage3", "conv5"),
    "mnasnet0_5": ("layers", "layers.11", "layers"),
    "regnet_y_400mf": ("trunk_output", "trunk_output.block3", "avgpool"),
    "efficientnet_b0": ("features", "features.5", "avgpool"),
}
"""Target, excitation and contrast layer of torchvision networks."""


@functools.cache
def _random_network(name: str) -> LoadedNetwork:
    options: dict[str, Any] = {"init_weights": False} if name == "googlenet" else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torchvision.models.get_model(name, weights=None, **options)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):  # as after training: no two channels alike
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 2)
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias, 0, 0.1)
    return LoadedNetwork(module.eval().requires_grad_(False), *LAYERS[name])


@pytest.fixture(scope="session")
def random_network() -> Callable[[str], LoadedNetwork]:
    """A torchvision network by name, with seeded random weights, frozen and in eval mode."""
    return _random_network


@pytest.fixture
def queries() -> Queries:
    """Three queries about two images that are not square, in no order, two about one image."""
    images = torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(3))
    return Queries(images, torch.tensor([1, 0, 1]), torch.tensor([3, 200, 999]))


class Residual(nn.Module):
    """A residual block that works in place, as torchvision's do."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        out = self.norm(self.conv(inputs))
        out += inputs
        return self.relu(out)


class SmallNetwork(nn.Module):
    """Every kind of layer with a rule, small enough to compute by loops; 5 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(inplace=True))
        self.block = Residual(4)
        self.pool = nn.AvgPool2d(2)
        self.dropout = nn.Dropout(0.5)
        self.hidden = nn.Linear(4 * 2 * 3, 6)
        self.relu = nn.ReLU(inplace=True)
        self.classifier = nn.Linear(6, 5)

    def forward(self, images: Tensor) -> Tensor:
        features = self.pool(self.block(self.stem(images)))
        return self.classifier(self.relu(self.hidden(self.dropout(features.flatten(1)))))


@pytest.fixture
def loaded() -> Callable[..., LoadedNetwork]:
    """Makes of a module what methods read of a checkpoint: its layers, by name."""

    def load(module: nn.Module, target_layer: str | None = None) -> LoadedNetwork:
        return LoadedNetwork(module.eval().requires_grad_(False), target_layer)

    return load


@pytest.fixture
def by_hand() -> LoadedNetwork:
    """The two channels of the layer are red and green of a 2 x 2 image; a linear layer follows."""
    module = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.Flatten(), nn.Linear(8, 2, bias=False))
    module[0].weight.data = torch.tensor([[1.0, 0, 0], [0, 1, 0]])[:, :, None, None]
    module[2].weight.data = torch.tensor([[1.0, 2, 3, 2, 0, -4, 0, 0], [0, 0, 0, -4, -1, -1, -1, -1]])
    return LoadedNetwork(module.eval().requires_grad_(False), "0")


@pytest.fixture
def image() -> Tensor:
    """A picture for the small networks."""
    return torch.randn(1, 3, 9, 13, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class SmallTransformer(nn.Module):
    """Two blocks of attention over six patches and a class token, for images of 9 x 13 pixels; 5 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.block = nn.Sequential(
            *(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True) for _ in range(2))
        )
        self.block.norm = nn.BatchNorm1d(7)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(8, 5)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.stem(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(images), -1, -1), patches], dim=1)
        return self.classifier(self.dropout(self.block(tokens)[:, 0]))


def small_transformer() -> LoadedNetwork:
    """A fresh small transformer in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        module = SmallTransformer().double()
        module.block.norm.running_mean.normal_()
    return LoadedNetwork(module.eval().requires_grad_(False), "stem", input_size=(9, 13))


@pytest.fixture
def small(request: pytest.FixtureRequest) -> LoadedNetwork:
    """A fresh small network in float64 for images of 9 x 13 pixels, defined for the tested `method`."""
    network = _small_network()
    name = request.node.callspec.params.get("method") if hasattr(request.node, "callspec") else None
    if not isinstance(name, str) or is_defined(name, network):
        return network
    return next(one for one in (small_transformer(), _small_averaging()) if is_defined(name, one))


class SmallAveraging(nn.Module):
    """Scores are a linear layer of averaged feature maps; 5 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(inplace=True))
        self.block = Residual(4)
        self.dropout = nn.Dropout(0.5)
        self.classifier = nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.block(self.stem(images)).mean(dim=(2, 3))))


def _small_averaging() -> LoadedNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        module = SmallAveraging().double()
        module.block.norm.running_mean.normal_()
    return LoadedNetwork(module.eval().requires_grad_(False), "block", input_size=(9, 13))


def _small_network() -> LoadedNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        module = SmallNetwork().double()
        nn.init.normal_(module.block.norm.bias)
        module.block.norm.running_mean.normal_()
    return LoadedNetwork(module.eval().requires_grad_(False), "block", "stem", "relu", input_size=(9, 13))


@pytest.fixture
def small_queries() -> Queries:
    images = torch.randn(2, 3, 9, 13, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return Queries(images, torch.tensor([1, 0, 1, 1]), torch.tensor([0, 4, 2, 0]))
