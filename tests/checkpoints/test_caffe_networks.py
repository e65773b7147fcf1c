"""TorchRay's networks: their published files, made here with drawn weights, give TorchRay's own maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor, nn
from torchvision import models

from raybench.attributions import bind
from raybench.checkpoints import find_card, load_network
from raybench.checkpoints.building.caffe import LogMeanExp, resnet50_convolutional, vgg16_convolutional

SCALE = 0.05  # of the drawn weights of the last layer, so that several windows count


def test_scores_are_pooled_by_the_logarithm_of_their_mean_exponential() -> None:
    scores = np.random.default_rng(0).normal(0, 30, (2, 3, 4, 5))
    found = LogMeanExp()(torch.from_numpy(scores))
    np.testing.assert_allclose(found, logsumexp(scores, axis=(2, 3)) - math.log(20), rtol=1e-12)
    assert torch.equal(LogMeanExp()(torch.full((1, 2, 1, 1), 3.5)), torch.full((1, 2), 3.5))  # one window
    assert LogMeanExp()(torch.full((1, 1, 2, 2), 500.0)).item() == pytest.approx(500)  # no overflow


def published_resnet50(classes: int) -> dict[str, Tensor]:
    """A file as TorchRay publishes it: each normalisation in two layers, blue first."""
    plain = models.resnet50(weights=None, num_classes=classes)
    plain.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
    drawn, tensors = torch.Generator().manual_seed(3), {}
    for key, tensor in plain.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        layer, _, name = key.rpartition(".")
        normalises = "bn" in layer.rpartition(".")[2] or layer.endswith("downsample.1")
        inner = "" if not normalises else "0." if name.startswith("running") else "1."
        value = torch.randn(tensor.shape, generator=drawn)
        value = value / tensor[0].numel() ** 0.5 if tensor.ndim == 4 else 0.1 * value
        if normalises and name in ("weight", "running_var"):
            value = 1 + 0.2 * value.abs()
        tensors[f"{layer}.{inner}{name}"] = SCALE * value if layer == "fc" else value
    return tensors


def test_the_published_names_and_shapes_fit(tmp_path: Path) -> None:
    network = resnet50_convolutional(20)
    found = network.translated(published_resnet50(20))
    expected = {key: one.shape for key, one in network.state_dict().items() if "num_batches" not in key}
    assert {key: one.shape for key, one in found.items()} == expected
    assert network.translated(network.state_dict()).keys() == network.state_dict().keys()
    with torch.device("meta"):
        vgg = vgg16_convolutional(20)
        linear = models.vgg16(weights=None, num_classes=20).state_dict()
    names = {"classifier.3": "classifier.2", "classifier.6": "classifier.4"}
    published = {
        f"{names.get(key.rpartition('.')[0], key.rpartition('.')[0])}.{key.rpartition('.')[2]}": one
        for key, one in linear.items()
    }
    shapes = {key: one.shape for key, one in vgg.translated(published).items()}
    assert shapes == {key: one.shape for key, one in vgg.state_dict().items()}


def test_linear_weights_become_windows_and_blue_comes_last(tmp_path: Path) -> None:
    with torch.device("meta"):
        vgg = vgg16_convolutional(20)
    first = torch.arange(6.0).reshape(1, 3, 1, 2)
    linear = torch.arange(2 * 512 * 49.0).reshape(2, -1)
    found = vgg.translated(
        {"features.0.weight": first, "classifier.0.weight": linear, "classifier.2.weight": linear[:, :5]}
    )
    assert found["features.0.weight"].flatten().tolist() == [4, 5, 2, 3, 0, 1]
    # a linear layer reads channel, then row, then column
    assert found["classifier.0.weight"][1, 3, 2, 4] == linear[1, 3 * 49 + 2 * 7 + 4]
    assert found["classifier.3.weight"].shape == (2, 5, 1, 1)


@pytest.fixture(scope="module")
def theirs() -> Callable[[str, str, dict[str, Tensor]], nn.Module]:
    """TorchRay's own loader, which is given a file instead of an address."""
    models_of = pytest.importorskip("torchray.benchmark.models")

    def load(architecture: str, dataset: str, tensors: dict[str, Tensor]) -> nn.Module:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.hub, "load_state_dict_from_url", lambda url: dict(tensors))
            build = getattr(models, architecture)
            patch.setattr(models, architecture, lambda pretrained: build(weights=None))
            model = models_of.get_model(architecture, dataset, convert_to_fully_convolutional=True)
        if architecture == "resnet50":
            model.avgpool = nn.AvgPool2d(7, stride=1)
        return model.eval()

    return load


@pytest.fixture(scope="module")
def networks(theirs, tmp_path_factory: pytest.TempPathFactory):
    """TorchRay's ResNet50 of VOC and ours, of one file."""
    tensors = published_resnet50(20)
    path = tmp_path_factory.mktemp("weights") / "resnet50_voc.pth.tar"
    torch.save(tensors, path)
    card = find_card("torchray-resnet50-voc").model_dump(exclude_unset=True)
    own = type(find_card("torchray-resnet50-voc")).model_validate(card | {"weights": ({"path": str(path)},)})
    network = load_network(own)
    network.module.double()  # in float32 a rectifier that flips at its last digit moves a gradient
    return theirs("resnet50", "voc", tensors).double(), network


PICTURE = torch.rand((1, 3, 224, 256), generator=torch.Generator().manual_seed(1)).double() * 200 - 100
CLASS = 11


def ours(network, method: str) -> Tensor:
    zero = torch.zeros(1, dtype=torch.int64)
    return bind(method, {})(network, PICTURE, zero, zero + CLASS)[0]


def apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


def test_scores_of_all_windows_are_torchrays(networks) -> None:
    their, own = networks
    with torch.no_grad():
        scores = own.module[:-1](PICTURE)
        expected = their(PICTURE)
        assert scores.shape == (1, 20, 1, 2)
        assert apart(scores, expected) < 1e-10
        assert apart(own.module(PICTURE), LogMeanExp()(expected)) < 1e-10


def test_networks_of_extremal_perturbations_pool_the_picture_by_its_mean(networks, tmp_path: Path) -> None:
    their, own = networks
    card = find_card("torchray-resnet50-voc-global")
    assert card.weights[0].sha256 == find_card("torchray-resnet50-voc").weights[0].sha256
    whole = resnet50_convolutional(20, **card.architecture_options).double().eval()
    whole.load_state_dict(own.module.state_dict())
    windows = their.avgpool
    their.avgpool = nn.AdaptiveAvgPool2d(1)  # as TorchRay leaves it for this row
    try:
        with torch.no_grad():
            assert apart(whole(PICTURE), their(PICTURE)[:, :, 0, 0]) < 1e-10
    finally:
        their.avgpool = windows
    options = find_card("torchray-vgg16-voc-global").architecture_options
    with torch.device("meta"):
        pooling = vgg16_convolutional(20, **options).pooling
    scores = torch.arange(12.0).reshape(1, 2, 2, 3)
    assert pooling(scores).tolist() == [[2.5, 8.5]]


@pytest.mark.parametrize(
    ("method", "tolerance"),
    [
        ("gradient", 1e-5),
        ("grad_cam", 1e-5),
        ("excitation_backprop", 1e-5),
        ("contrastive_excitation_backprop", 1e-5),
    ],
)
def test_maps_are_torchrays(networks, method: str, tolerance: float) -> None:
    their, own = networks
    attribution = pytest.importorskip("torchray.attribution.excitation_backprop")
    from torchray.attribution.grad_cam import grad_cam
    from torchray.attribution.gradient import gradient

    # TorchRay propagates back a softmax over the windows of the class
    with torch.no_grad():
        scores = their(PICTURE)
    target = torch.zeros_like(scores)
    target[:, CLASS] = scores[:, CLASS].flatten(1).softmax(1).reshape(scores[:, CLASS].shape)
    if method == "gradient":
        found = gradient(their, PICTURE.clone(), target)
    elif method == "grad_cam":
        found = grad_cam(their, PICTURE, target, saliency_layer="layer4")
    else:
        attribution.update_resnet(their)
        if method == "excitation_backprop":
            found = attribution.excitation_backprop(their, PICTURE, target, saliency_layer="layer3")
        else:
            found = attribution.contrastive_excitation_backprop(
                their, PICTURE, target, saliency_layer="layer3", contrast_layer="avgpool"
            )
    assert apart(ours(own, method), found.detach()[0, 0]) < tolerance
