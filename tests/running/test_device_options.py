"""Options that change pixels or digits: they show in the protocol's id, and move numbers by little."""

from __future__ import annotations

import shutil

import pytest
import torch
from tiny_suite import TinySuite

import raybench
from raybench.attributions import ATTRIBUTIONS, computing_in
from raybench.base.errors import RaybenchError
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.protocol import PROTOCOLS, protocol_from
from raybench.benchmark.suite.settings import Settings
from raybench.benchmark.suite.suite import Suite, load_suite

METHODS = (
    "grad_cam",
    "grad_cam_elementwise",
    "gradient",
    "excitation_backprop",
    "contrastive_excitation_backprop",
)
CHANGES = (
    {"resize": "device"},
    {"resize": "device", "decode": "device"},
    {"precision": "tf32"},
    {"precision": "bfloat16"},
)


def changed(tiny: TinySuite, **changes: str) -> Suite:
    """The tiny suite with one checkpoint, under a changed protocol."""
    suite, _ = load_suite(tiny.suite)
    return Suite.model_validate(
        suite.model_dump()
        | {
            "protocol": {"name": "aaai21", "short_side": 64, **changes},
            "checkpoints": [str(tiny.folder / "first.yaml")],
            "attributions": ["grad_cam", "random"],
        }
    )


def test_ids_of_numbers_published_before_the_options_came_stay() -> None:
    ids = {name: protocol.id for name, protocol in PROTOCOLS.items() if name != "square"}
    published = {"aaai21": "70b0ca13dc37", "aaai21-clamped": "6954948550e7", "iccv19-v1": "a87af8bc347f"}
    assert published.items() <= ids.items()


@pytest.mark.parametrize("changes", CHANGES)
def test_each_option_has_an_id_of_its_own(changes: dict[str, str]) -> None:
    changed = protocol_from("aaai21", changes)
    assert changed.id != PROTOCOLS["aaai21"].id
    assert {key: changed.fields[key] for key in changes} == changes
    assert changed.fields.keys() - changes.keys() == PROTOCOLS["aaai21"].fields.keys()


def test_decoding_on_the_device_without_resizing_there_is_refused() -> None:
    with pytest.raises(RaybenchError, match="set resize to 'device' too"):
        protocol_from("aaai21", {"decode": "device"})


@pytest.mark.parametrize(("changes", "points"), list(zip(CHANGES, (2.0, 2.0, 0.0, 5.0), strict=True)))
def test_numbers_move_by_little(tiny: TinySuite, changes: dict[str, str], points: float) -> None:
    runs = [
        evaluate(changed(tiny, **options), Settings(data={"shapes": tiny.data}, out=tiny.folder / out))
        for out, options in (("plain", {}), ("other", changes))
    ]
    assert runs[0].manifest["protocol"]["id"] != runs[1].manifest["protocol"]["id"]
    records = [run.records("first", "grad_cam") for run in runs]
    assert records[0]["image_id"].equals(records[1]["image_id"])
    difference = (records[0]["content_heatmap"] - records[1]["content_heatmap"]).abs().max()
    assert difference <= points
    assert difference > 0 or changes == {"precision": "tf32"}, "the option did nothing"
    assert runs[0].records("none", "random").equals(runs[1].records("none", "random"))


def test_a_damaged_picture_is_skipped_also_where_the_device_decodes(tiny: TinySuite) -> None:
    data = tiny.folder / "damaged"
    shutil.copytree(tiny.data, data)
    victim = sorted(path for path in data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[2]
    victim.write_bytes(victim.read_bytes()[:400])
    suite = changed(tiny, resize="device", decode="device")
    results = evaluate(suite, Settings(data={"shapes": data}, out=tiny.folder / "out"))
    assert [entry["image_id"] for entry in results.manifest["skipped"]] == [victim.stem]
    assert victim.name in results.manifest["skipped"][0]["reason"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_maps_are_float32_in_any_precision(method: str, precision: str) -> None:
    network = raybench.load_checkpoint("shapes-baseline")
    images = torch.randn(2, 3, 80, 96, generator=torch.Generator().manual_seed(0))
    asked = (images, torch.tensor([0, 1, 1]), torch.tensor([0, 3, 5]))
    exact = ATTRIBUTIONS.get(method).function(network, *asked)
    with computing_in(precision):
        coarse = ATTRIBUTIONS.get(method).function(network, *asked)
    assert coarse.dtype == torch.float32
    assert not torch.equal(coarse, exact) or (precision == "float16" and "excitation" in method)
    cosine = torch.nn.functional.cosine_similarity(coarse.flatten(1), exact.flatten(1))
    assert cosine.min() > 0.97


def test_precision_leaves_torch_as_it_was_also_after_an_error() -> None:
    flags = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [flag.allow_tf32 for flag in flags]
    inside = []

    def fail() -> None:
        with computing_in("float32"):
            inside.extend(flag.allow_tf32 for flag in flags)
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert inside == [False, False]
    assert [flag.allow_tf32 for flag in flags] == before
