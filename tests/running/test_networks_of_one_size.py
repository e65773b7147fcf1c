"""Vision transformers, which take pictures of one size and have no convolutional stage, in whole runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import yaml
from board_folders import change_manifest
from safetensors.torch import save_file
from tiny_suite import TinySuite, manifest_of, result_bytes
from torch import Tensor, nn
from torchvision.models import VisionTransformer

import raybench
from raybench.attributions.methods.attention.attention_maps import attention_rollout
from raybench.base import RaybenchError
from raybench.benchmark.datasets.shapes import CLASS_NAMES
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.checkpoints import network_from_module

ARCHITECTURE = """
from torchvision.models import VisionTransformer

def small_vit(num_classes):
    return VisionTransformer(64, 16, 2, 2, 16, 32, num_classes=num_classes)
"""
SQUARE = {"name": "square", "short_side": 64, "crop_resize": 64, "crop": 64}


def small_vit() -> VisionTransformer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        vit = VisionTransformer(64, 16, 2, 2, 16, 32, num_classes=len(CLASS_NAMES))
        nn.init.normal_(vit.heads.head.weight)
    return vit


@pytest.fixture
def suite(tiny: TinySuite, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny suite over a transformer and a convolutional network, each under methods for both kinds."""
    (tiny.folder / "nets_of_one_size.py").write_text(ARCHITECTURE)
    monkeypatch.syspath_prepend(tiny.folder)
    save_file(small_vit().state_dict(), tiny.folder / "vit.safetensors")
    card = {
        "name": "vit",
        "architecture": "nets_of_one_size:small_vit",
        "classes": str(tiny.data / "classes.txt"),
        "weights": {"path": "vit.safetensors"},
    }
    (tiny.folder / "vit.yaml").write_text(yaml.safe_dump(card))
    return tiny.with_suite(
        protocol=SQUARE,
        checkpoints=["vit.yaml", "first.yaml"],
        attributions=["attention_rollout", "raw_attention", "gradient", "grad_cam"],
    )


def settings(tiny: TinySuite, out: str, **changes: object) -> Settings:
    given = {"data": {"shapes": tiny.data}, "workers": 0, "limit": 6, "trust_code": True}
    return Settings(**{**given, "out": tiny.folder / out, **changes})


def test_a_transformer_is_measured_to_the_same_bytes_whatever_the_division(
    tiny: TinySuite, suite: Path
) -> None:
    results = evaluate(suite, settings(tiny, "one", processes=1))
    evaluate(suite, settings(tiny, "two", processes=2))
    evaluate(suite, settings(tiny, "parts", limit=2))
    evaluate(suite, settings(tiny, "parts"))
    expected = result_bytes(results.out)
    assert result_bytes(tiny.folder / "two") == result_bytes(tiny.folder / "parts") == expected
    for method in ("attention_rollout", "raw_attention", "gradient"):
        assert set(results.records("vit", method)["status"]) == {"ok"}
    assert manifest_of(results.out)["status"] == "complete"


def test_methods_that_a_network_has_no_use_for_are_left_out_with_the_reason(
    tiny: TinySuite, suite: Path
) -> None:
    out = evaluate(suite, settings(tiny, "out", limit=2)).out
    reasons = manifest_of(out)["not_defined"]
    assert reasons["vit"] == {}
    assert set(reasons["first"]) == {"attention_rollout", "raw_attention"}
    written = {str(path.relative_to(out)) for path in out.rglob("records.csv")}
    assert written == {
        *("vit/attention_rollout/records.csv", "vit/raw_attention/records.csv", "vit/gradient/records.csv"),
        "vit/grad_cam/records.csv",
        *("first/gradient/records.csv", "first/grad_cam/records.csv"),
    }


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (
            {"name": "aaai21", "short_side": 64},
            "'vit' takes pictures of 64 x 64 alone, and protocol 'aaai21' shows it whole pictures with a "
            "shorter side of 64 and crops of 224 x 224; use protocol native, or set its fields fit: square, "
            "short_side: 64, crop: 64",
        ),
        (
            {**SQUARE, "short_side": 80},
            "squeezed into 80 x 80; use protocol native, or set its fields short_side: 64",
        ),
        ({**SQUARE, "crop": 56}, "crops of 56 x 56; use protocol native, or set its fields crop: 64"),
    ],
)
def test_a_protocol_of_another_size_is_refused_with_the_field_to_set(
    tiny: TinySuite, suite: Path, protocol: dict[str, object], message: str
) -> None:
    with pytest.raises(RaybenchError, match=message):
        evaluate(tiny.with_suite(protocol=protocol, checkpoints=["vit.yaml"]), settings(tiny, "out"))


def test_rows_of_other_networks_go_on_where_one_is_refused_for_its_size(tiny: TinySuite, suite: Path) -> None:
    given = tiny.with_suite(
        protocol={"name": "aaai21", "short_side": 80, "crop_resize": 80, "crop": 80},
        checkpoints=["vit.yaml", "first.yaml"],
        attributions=["gradient", "box_oracle"],
    )
    out = evaluate(given, settings(tiny, "out", limit=2)).out
    manifest = manifest_of(out)
    assert manifest["status"] == "complete"
    assert set(manifest["not_defined"]["vit"]) == {"gradient", ""}
    (remark,) = manifest["remarks"]["vit"]
    assert remark.startswith("not measured: checkpoint 'vit' takes pictures of 64 x 64 alone, and protocol")
    assert "a shorter side of 80 and crops of 80 x 80; use protocol native, or set its fields fit" in remark
    written = {path.relative_to(out).parts[0] for path in out.rglob("*.csv")}
    assert "first" in written
    assert "vit" not in written
    before = result_bytes(out)
    evaluate(given, settings(tiny, "out", limit=2))
    assert result_bytes(out) == before


@pytest.mark.parametrize("protocol", ["native", "native-whole", "native-crop"])
def test_under_the_networks_own_input_the_object_itself_is_perfect(
    tiny: TinySuite, suite: Path, protocol: str
) -> None:
    first = yaml.safe_load((tiny.folder / "first.yaml").read_text())
    (tiny.folder / "own.yaml").write_text(
        yaml.safe_dump(first | {"name": "own", "input": {"size": [48, 48], "step": 8}})
    )
    checkpoints = ["own.yaml"] if protocol == "native-whole" else ["own.yaml", "vit.yaml"]
    given = tiny.with_suite(
        protocol=protocol, checkpoints=checkpoints, attributions=["gradient", "grad_cam", "box_oracle"]
    )
    results = evaluate(given, settings(tiny, "out", limit=4))
    oracle = results.records("none", "box_oracle")
    for metric in ("pointing_game", "stochastic_pointing_game", "content_heatmap"):
        assert oracle[metric].to_numpy() == pytest.approx(100)
    assert set(results.records("own", "grad_cam")["status"]) <= {"ok", "zero"}
    if protocol != "native-whole":
        assert set(results.records("vit", "gradient")["status"]) == {"ok"}


class OneSize(nn.Module):
    """A network that says its size by an error alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 8, 8), nn.Linear(256, 10)

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[3] == 64, f"expected 64 but got {images.shape[3]}"
        scores: Tensor = self.head(self.conv(images).relu().flatten(1))
        return scores


def picture() -> PIL.Image.Image:
    values = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return PIL.Image.fromarray(values)


def test_an_error_about_the_size_is_one_sentence() -> None:
    network = network_from_module(OneSize(), name="net", classes="voc20", target_layer="conv")
    with pytest.raises(RaybenchError, match="'net' fails on a picture of 224 x 224: expected 64 but got 224"):
        raybench.attribute(network, picture(), [0])


def test_an_error_of_a_method_is_one_sentence_and_stays_its_cause() -> None:
    network = network_from_module(small_vit(), name="vit", classes=_classes())
    rules = raybench.benchmark.suite.protocol_from(
        "square", {"short_side": 64, "crop": 64, "crop_resize": 64}
    )

    def fails(network, images, image_index, class_index):  # type: ignore[no-untyped-def]
        raise ZeroDivisionError("my own mistake")

    with pytest.raises(
        RaybenchError, match="fails' on checkpoint 'vit' has failed: .*my own mistake"
    ) as told:
        raybench.attribute(network, picture(), [0], method=fails, protocol=rules)
    assert isinstance(told.value.__cause__, ZeroDivisionError)


def test_maps_of_the_square_view_come_back_to_the_pictures_size() -> None:
    network = network_from_module(small_vit(), name="vit", classes=_classes())
    rules = raybench.benchmark.suite.protocol_from(
        "square", {"short_side": 64, "crop": 64, "crop_resize": 64}
    )
    saliency = raybench.attribute(network, picture(), [0, 1], attribution="attention_rollout", protocol=rules)
    assert saliency.shape == (2, 40, 60)
    resized = picture().resize((64, 64), PIL.Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None]
    zero = torch.tensor([0])
    coarse = attention_rollout(network, network.normalise(pixels), zero, zero)
    enlarged = nn.functional.interpolate(coarse[None], (40, 60), mode="bilinear")[0, 0]
    torch.testing.assert_close(saliency[0], enlarged / enlarged.sum(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("architecture", "size"),
    [
        ("vit_b_32", (224, 224)),
        ("timm:vit_tiny_patch16_384", (384, 384)),
        ("swin_t", None),
        ("resnet18", None),
    ],
)
def test_networks_say_themselves_what_size_they_take(architecture: str, size: tuple[int, int] | None) -> None:
    module = raybench.checkpoints.build_module(architecture, num_classes=len(CLASS_NAMES))
    assert network_from_module(module, name="net", classes=_classes()).input_size == size


def test_a_card_says_what_size_its_network_takes() -> None:
    network = network_from_module(OneSize(), name="net", classes=_classes(), input_size=(48, 64))
    assert network.input_size == (48, 64)
    with pytest.raises(RaybenchError, match="takes pictures of 48 x 64 alone, and .* use protocol native$"):
        raybench.attribute(network, picture(), [0], protocol="aaai21")


def _classes() -> raybench.checkpoints.ClassList:
    return raybench.load_checkpoint("shapes-gmp").classes


def test_the_layer_that_was_found_is_kept_with_its_layout_and_said(tiny: TinySuite, suite: Path) -> None:
    manifest = manifest_of(evaluate(suite, settings(tiny, "out", limit=2)).out)
    assert list(manifest["found_layers"]) == ["vit"]  # the other card names its layer
    found = manifest["found_layers"]["vit"]
    # behind the last attention only the class token is read, so the last layer with places is ahead of it
    assert found["layer"] == "encoder.layers.encoder_layer_1.ln_1"
    assert (found["layout"], found["places"], found["prefix_tokens"]) == ("tokens", [4, 4], 1)
    words = "'encoder.layers.encoder_layer_1.ln_1', tokens 4 x 4 behind 1 tokens"
    (remark,) = manifest["remarks"]["vit"]
    assert remark.startswith(f"maps are read at the layer {words} where the network is shown 64 x 64")


def test_a_run_does_not_go_on_with_another_layer(tiny: TinySuite, suite: Path) -> None:
    out = evaluate(suite, settings(tiny, "out", limit=1)).out
    other = manifest_of(out)["found_layers"]["vit"] | {"layer": "conv_proj"}
    change_manifest(out, found_layers={"vit": other})
    with pytest.raises(RaybenchError, match="at the layer 'conv_proj', and now 'encoder.*ln_1' is found"):
        evaluate(suite, settings(tiny, "out", limit=2))
