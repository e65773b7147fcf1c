"""Global max pooling in place of global average pooling."""

import pytest
import torch
from torch import nn

from raybench.base.errors import RaybenchError
from raybench.checkpoints import build_module
from raybench.checkpoints.building.pooling import use_global_max_pooling

POOLED = {
    # network: its last stage (with what follows it before the pooling) and its classifier, by hand
    "resnet18": (
        lambda m, x: m.layer4(m.layer3(m.layer2(m.layer1(m.maxpool(m.relu(m.bn1(m.conv1(x)))))))),
        "fc",
    ),
    "densenet121": (lambda m, x: torch.relu(m.features(x)), "classifier"),
    "mobilenet_v2": (lambda m, x: m.features(x), "classifier"),
    "mobilenet_v3_small": (lambda m, x: m.features(x), "classifier"),
    "mnasnet0_5": (lambda m, x: m.layers(x), "classifier"),
    "convnext_tiny": (lambda m, x: m.features(x), "classifier"),
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", POOLED)
def test_logits_are_the_classifier_of_the_spatial_maximum(name):
    stage, classifier = POOLED[name]
    average = build_module(name, num_classes=5).eval()
    pooled = build_module(name, num_classes=5, pooling="max").eval()
    pooled.load_state_dict(average.state_dict())
    images = torch.randn(2, 3, 65, 97)
    with torch.no_grad():
        maximum = stage(average, images).amax(dim=(2, 3), keepdim=name == "convnext_tiny")
        torch.testing.assert_close(pooled(images), getattr(average, classifier)(maximum))


def test_squeezenet_takes_the_maximum_of_its_class_maps():
    average = build_module("squeezenet1_0", num_classes=5).eval()
    pooled = build_module("squeezenet1_0", num_classes=5, pooling="max").eval()
    pooled.load_state_dict(average.state_dict())
    images = torch.randn(1, 3, 65, 97)
    with torch.no_grad():
        maps = average.classifier[:3](average.features(images))
        torch.testing.assert_close(pooled(images), maps.amax(dim=(2, 3)))


@pytest.mark.parametrize(
    "name", ["resnet18", "squeezenet1_0", "densenet121", "mobilenet_v2", "shufflenet_v2_x0_5"]
)
def test_layers_and_parameters_keep_their_names(name):
    average = build_module(name, num_classes=5)
    pooled = build_module(name, num_classes=5, pooling="max")
    assert list(pooled.state_dict()) == list(average.state_dict())
    assert {n for n, _ in pooled.named_modules()} == {n for n, _ in average.named_modules()}


@pytest.mark.parametrize("name", ["densenet121", "mobilenet_v2"])
def test_hooks_inside_a_rewritten_network_fire(name):
    pooled = build_module(name, num_classes=5, pooling="max").eval()
    seen = []
    pooled.features.register_forward_hook(lambda *call: seen.append("features"))
    pooled.features[0].register_forward_hook(lambda *call: seen.append("features.0"))
    pooled(torch.zeros(1, 3, 65, 65))
    assert seen == ["features.0", "features"]


def test_squeeze_and_excitation_keeps_its_average():
    pooled = build_module("mobilenet_v3_small", num_classes=5, pooling="max")
    inner = [module for name, module in pooled.features.named_modules() if name.endswith("avgpool")]
    assert len(inner) == 9
    assert all(isinstance(module, nn.AdaptiveAvgPool2d) for module in inner)
    assert isinstance(pooled.avgpool, nn.AdaptiveMaxPool2d)


class MeanNet(nn.Module):
    """Averages in its forward, in one of the ways that people write it."""

    def __init__(self, average):
        super().__init__()
        self.average = average

    def forward(self, x):
        return self.average(x)


@pytest.mark.parametrize(
    "average",
    [
        lambda x: x.mean((2, 3)),
        lambda x: x.mean(dim=[-1, -2]),
        lambda x: torch.mean(x, dim=(2, 3)),
        lambda x: x.mean((2, 3), keepdim=True).flatten(1),
        lambda x: nn.functional.adaptive_avg_pool2d(x, 1).flatten(1),
        lambda x: nn.functional.adaptive_avg_pool2d(x, output_size=(1, 1)).flatten(1),
    ],
)
def test_average_in_forward_becomes_the_maximum(average):
    x = torch.tensor([[[[1.0, 5.0, 2.0], [0.0, 1.0, 3.0]]]])
    assert MeanNet(average)(x).tolist() == [[2.0]]
    assert use_global_max_pooling(MeanNet(average), "mean net")(x).tolist() == [[5.0]]


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "vit_b_32"])
def test_network_without_global_average_pooling_is_refused(name):
    with pytest.raises(RaybenchError, match=f"architecture '{name}' has no global average pooling"):
        build_module(name, num_classes=5, pooling="max")


def test_forward_that_depends_on_values_is_refused():
    def average(x):
        return x.mean((2, 3)) if x.sum() > 0 else x.mean((2, 3)) * 2

    with pytest.raises(RaybenchError, match="has no global average pooling"):
        use_global_max_pooling(MeanNet(average), "odd")
