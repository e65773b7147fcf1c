"""A doctor finds every fault that is planted, and finds none in healthy networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from typer.testing import CliRunner

from raybench.attributions import bind
from raybench.benchmark.datasets.shapes import write_shapes
from raybench.benchmark.doctor import (
    Example,
    Finding,
    Patient,
    examine,
    exit_code,
    made_up_pictures,
    patients_of_suite,
)
from raybench.benchmark.running import SilentReporter
from raybench.benchmark.suite import Settings, protocol_from
from raybench.checkpoints import ClassList, network_from_module
from raybench.commands import app

PICTURES = 16


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_shapes(folder, images=PICTURES, seed=11)
    return folder


def patients(pictures: Path, *names: str) -> Iterator[Patient]:
    settings = Settings(data={"shapes": pictures}, checkpoints=names, attributions=["grad_cam"])
    return patients_of_suite("demo", settings, PICTURES, SilentReporter())


@pytest.fixture(scope="module")
def healthy(pictures: Path) -> Patient:
    (found,) = patients(pictures, "shapes-baseline")
    return found


def faults(patient: Patient) -> dict[str, Finding]:
    return {one.check: one for one in examine(patient) if one.mark != "ok"}


class Altered(nn.Module):
    """A network between something that is done to its input and something that is done to its scores."""

    def __init__(
        self,
        inner: nn.Module,
        before: Callable[[Tensor], Tensor] = lambda images: images,
        after: Callable[[Tensor], Tensor] = lambda scores: scores,
    ) -> None:
        super().__init__()
        self.inner, self.before, self.after = inner, before, after

    def forward(self, images: Tensor) -> Tensor:
        return self.after(self.inner(self.before(images)))


def with_module(patient: Patient, module: nn.Module, layer: str = "inner.layer4") -> Patient:
    network = network_from_module(module, name="ill", classes=patient.network.classes, target_layer=layer)
    return replace(patient, network=network)


def shown_in_255(images: Tensor) -> Tensor:
    """What a network of Caffe does inside: it takes pixels from 0 to 255 less their mean."""
    mean, std = (
        images.new_tensor(one).view(3, 1, 1) for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    pixels = images + 255 * mean
    return (pixels / 255 - mean) / std


def overflowing(scores: Tensor) -> Tensor:
    return (scores.half() * 3e4 * 100).float()


PLANTED: dict[str, tuple[Callable[[nn.Module], nn.Module], str, str, str]] = {
    "means in 0 to 255": (
        lambda net: Altered(net, before=shown_in_255),
        "preprocessing",
        "warning",
        "pixels from 0 to 255 less ImageNet's mean",
    ),
    "softmax inside": (
        lambda net: Altered(net, after=lambda scores: scores.softmax(1)),
        "scores",
        "warning",
        "probabilities of a softmax",
    ),
    "classes in another order": (
        lambda net: Altered(net, after=lambda scores: scores.roll(1, dims=1)),
        "classes",
        "warning",
        "pictures right",
    ),
    "dropout left on": (
        lambda net: Altered(net, after=lambda scores: F.dropout(scores, 0.5, training=True)),
        "same picture twice",
        "refusal",
        "differ",
    ),
    "half precision that overflows": (
        lambda net: Altered(net, after=overflowing),
        "input size",
        "refusal",
        "not finite",
    ),
    "pictures of a batch mixed": (
        lambda net: Altered(net, after=lambda scores: scores - 0.5 * scores.mean(dim=0, keepdim=True)),
        "batches",
        "refusal",
        "another one beside it",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_with_what_to_do(fault: str, healthy: Patient) -> None:
    plant, check, mark, words = PLANTED[fault]
    found = faults(with_module(healthy, plant(healthy.network.module)))
    assert check in found, found
    assert found[check].mark == mark
    assert words in found[check].words
    assert found[check].remedy


class Colours(nn.Module):
    """Scores are the mean red, green and blue of a picture, of which the weights may be in another order."""

    def __init__(self, order: tuple[int, int, int]) -> None:
        super().__init__()
        self.places = nn.Conv2d(3, 3, 8, 8)
        nn.init.zeros_(self.places.bias)
        with torch.no_grad():
            self.places.weight.zero_()[range(3), list(order)] = 1 / 16

    def forward(self, images: Tensor) -> Tensor:
        return self.places(images).mean(dim=(2, 3))


@pytest.mark.parametrize(("order", "found"), [((0, 1, 2), ""), ((2, 1, 0), "channels: bgr")])
def test_weights_in_another_order_of_colours_are_found(order: tuple[int, int, int], found: str) -> None:
    names = ("red", "green", "blue")
    classes = ClassList("colours", names, names)
    network = network_from_module(Colours(order), name="net", classes=classes, target_layer="places")
    drawn = np.random.default_rng(0)
    examples = []
    for index in range(12):
        pixels = drawn.integers(0, 120, (40, 50, 3), dtype=np.uint8)
        pixels[..., index % 3] += 100
        examples.append(Example(PIL.Image.fromarray(pixels), index % 3))
    said = faults(Patient(network, (), protocol_from("aaai21", {"short_side": 64}), examples))
    assert [one for one in said if one == "preprocessing"] == (["preprocessing"] if found else [])
    assert not found or found in said["preprocessing"].words


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("avgpool", "does not give one tensor with places"),
        ("layer4.downsample", "of the evidence passes it, the rest goes around"),
    ],
)
def test_a_wrong_layer_is_found_and_a_better_one_named(layer: str, words: str, healthy: Patient) -> None:
    patient = with_module(replace(healthy, methods=()), healthy.network.module, layer)
    found = faults(patient)["target layer"]
    assert words in found.words
    assert "'layer4'" in found.remedy


def test_of_a_transformer_the_last_block_is_a_wrong_layer() -> None:
    torch.manual_seed(0)
    vit = torchvision.models.VisionTransformer(64, 16, 2, 2, 16, 32, num_classes=20)
    nn.init.normal_(vit.heads.head.weight)
    layer = "encoder.layers.encoder_layer_1"
    network = network_from_module(vit, name="vit", classes="voc20", target_layer=layer)
    patient = Patient(network, (bind("grad_cam"),), protocol_from("native"), made_up_pictures(2))
    found = faults(patient)["target layer"]
    assert "behind the last attention" in found.words
    assert "'encoder.layers.encoder_layer_1.ln_1'" in found.remedy


@pytest.mark.parametrize("name", ["shapes-baseline", "shapes-gmp-gc"])
def test_nothing_is_found_in_a_shipped_network(name: str, pictures: Path) -> None:
    for patient in patients(pictures, name):
        found = list(examine(patient))
        assert [one for one in found if one.mark != "ok"] == []
        assert exit_code(found) == 0
        assert len({one.check for one in found}) == 8


def test_the_command_prints_json_and_returns_what_it_found() -> None:
    said = CliRunner().invoke(app, ["doctor", "--checkpoint", "shapes-gc", "--format", "json"])
    (one,) = json.loads(said.stdout)
    assert said.exit_code == 0
    assert one["checkpoint"] == "shapes-gc"
    assert {entry["mark"] for entry in one["findings"]} == {"ok"}
