"""The training loop on a handful of scenes, in this process."""

from __future__ import annotations

import hashlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from tiny_training import tiny_recipe, write_recipe
from typer.testing import CliRunner

from raybench.base.errors import RaybenchError
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.checkpoints import build_module, load_network
from raybench.commands import app
from raybench.commands.plain import PlainTraining
from raybench.training import LogRow, Recipe, SilentTraining, Trained, TrainingSettings, train


def trained(recipe: Recipe, out: Path, **settings: object) -> Trained:
    return train(recipe, TrainingSettings(out=out, device="cpu", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("weight", [0, 25])
def test_training_lowers_the_loss(pooling: str, weight: float, tmp_path: Path) -> None:
    recipe = tiny_recipe(pooling=pooling, consistency_weight=weight, epochs=10, learning_rate=0.02)
    rows = trained(recipe, tmp_path).rows
    assert [row.epoch for row in rows] == list(range(1, 11))
    assert rows[-1].classification < 0.8 * rows[0].classification
    assert all((row.consistency > 0) == (weight > 0) for row in rows)


def test_same_recipe_gives_the_same_weights_whatever_the_loader(tmp_path: Path) -> None:
    recipe = tiny_recipe(negatives="loader")
    first = trained(recipe, tmp_path / "a", workers=0).network.state_dict()
    second = trained(recipe, tmp_path / "b", workers=2).network.state_dict()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_trained_module_is_bare_in_eval_mode_and_fits_its_architecture(tmp_path: Path) -> None:
    module = trained(tiny_recipe(epochs=1, pooling="max"), tmp_path).network
    assert not module.training
    assert not any(part._forward_hooks for part in module.modules())
    fresh = build_module("raybench.checkpoints.shapes_net:shapes_net", num_classes=12, pooling="max")
    fresh.load_state_dict(module.state_dict(), strict=True)


@pytest.mark.filterwarnings("ignore:Detected call of")
def test_divergence_is_one_sentence_and_writes_no_state(tmp_path: Path) -> None:
    with pytest.raises(RaybenchError, match="training tiny diverged in epoch 1; lower learning_rate"):
        trained(tiny_recipe(learning_rate=1e30), tmp_path)
    assert not list(tmp_path.glob("states/*"))


def test_consistency_sets_in_where_the_recipe_says(tmp_path: Path) -> None:
    rows = trained(tiny_recipe(epochs=4, consistency_start=0.5), tmp_path).rows
    assert [row.consistency > 0 for row in rows] == [False, False, True, True]


def test_result_is_a_card_with_a_hash_that_a_suite_takes(tmp_path: Path, tiny_data: Path) -> None:
    result = trained(tiny_recipe(), tmp_path)
    card = yaml.safe_load(result.card.read_text())
    weights = tmp_path / "tiny.safetensors"
    assert card["weights"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert card["training"] == "gc"
    assert card["reported"] == dict(result.rows[-1].measured)
    assert load_file(weights)["fc.weight"].shape == (12, 96)
    loaded = load_network(result.card).module.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in result.network.state_dict().items())
    settings = Settings(
        data={"shapes": tiny_data},
        out=tmp_path / "run",
        limit=3,
        device="cpu",
        checkpoints=(str(result.card),),
    )
    summary = evaluate("demo", settings).summary
    assert set(summary["checkpoint"]) <= {"tiny", "-"} | set(summary["checkpoint"])
    assert (summary["checkpoint"] == "tiny").any()


def test_log_and_curves_are_written_as_it_goes(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    class Watching(SilentTraining):
        def row(self, row: LogRow) -> None:
            seen.append((row.step, len(pd.read_csv(tmp_path / "log.csv"))))

    recipe = tiny_recipe(log_every=1)
    train(recipe, TrainingSettings(out=tmp_path, device="cpu"), reporter=Watching())
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]
    log = pd.read_csv(tmp_path / "log.csv")
    assert list(log["step"]) == [1, 2, 3, 4]
    assert log["top1_accuracy"].notna().tolist() == [False, True, False, True]
    with Image.open(tmp_path / "curves.png") as curves:
        assert curves.width > 800  # three panels: two losses and the validation


def test_batch_without_negatives_for_some_trains_on(tmp_path: Path, tiny_data: Path) -> None:
    # two pictures a batch, many of which share classes: those rows have no consistency term
    recipe = tiny_recipe(
        classes=str(tiny_data / "classes.txt"),
        train={"dataset": "shapes_coco"},
        validation={"dataset": "shapes_coco"},
        batch_size=2,
    )
    rows = trained(recipe, tmp_path, data={"shapes": tiny_data}, workers=0).rows
    assert list(rows[-1].measured) == ["f1_per_class", "f1_overall"]
    assert all(torch.isfinite(torch.tensor(row.consistency)) for row in rows)


def test_localisation_of_an_epoch_equals_that_of_its_card(tmp_path: Path, tiny_data: Path) -> None:
    asked = {"dataset": "shapes", "images": 5, "short_side": 64}
    recipe = tiny_recipe(epochs=1, localisation=asked)
    result = trained(recipe, tmp_path, data={"shapes": tiny_data})
    measured = result.rows[-1].measured
    suite = {
        "name": "again",
        "protocol": {"name": "aaai21-clamped", "short_side": 64},
        "dataset": "shapes",
        "attributions": ["grad_cam_elementwise"],
        "metrics": ["pointing_game", "stochastic_pointing_game", "content_heatmap"],
        "checkpoints": [str(result.card)],
    }
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(suite))
    settings = Settings(data={"shapes": tiny_data}, out=tmp_path / "again", limit=5, device="cpu")
    summary = evaluate(str(tmp_path / "again.yaml"), settings).summary
    expected = summary.set_index("metric")["value"]
    for metric in ("stochastic_pointing_game", "content_heatmap"):
        assert measured[metric] == pytest.approx(expected[metric])
    assert measured["pointing_game"] == pytest.approx(expected["pointing_game"].iloc[0])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"dataset": "shapes", "attribution": "gradcam"},
            "unknown attribution 'gradcam'; did you mean 'grad_cam'",
        ),
        (
            {"dataset": "imagenet"},
            "dataset 'imagenet' was not found: give its folder as --data imagenet=PATH",
        ),
    ],
)
def test_localisation_that_cannot_be_measured_is_refused_before_the_first_step(
    asked: dict[str, str], message: str, tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAYBENCH_DATA", raising=False)
    with pytest.raises(RaybenchError, match=message):
        trained(tiny_recipe(localisation=asked), tmp_path, data={"shapes": tiny_data})
    assert not list(tmp_path.glob("states/step-*"))


def test_bf16_keeps_the_losses_in_float32(tmp_path: Path) -> None:
    exact = trained(tiny_recipe(epochs=1), tmp_path / "a").rows[0]
    rough = trained(tiny_recipe(epochs=1, precision="bf16"), tmp_path / "b").rows[0]
    assert rough.consistency == pytest.approx(exact.consistency, rel=0.05)
    assert rough.classification == pytest.approx(exact.classification, rel=0.05)


def test_fp16_on_a_cpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RaybenchError, match="fp16 needs a GPU"):
        trained(tiny_recipe(precision="fp16"), tmp_path)


def test_command_trains_by_a_changed_recipe(tmp_path: Path) -> None:
    words = ["train", str(write_recipe(tmp_path)), "--out", str(tmp_path / "out"), "--device", "cpu"]
    words += ["--set", "optimisation.epochs=1", "--set", "consistency_weight=0", "--steps", "1"]
    words += ["--log-file", str(tmp_path / "log.txt")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "epoch 0.5: classification" in result.output
    assert "next: raybench run SUITE --checkpoint" in result.output
    assert "epoch 0.5: classification" in (tmp_path / "log.txt").read_text()
    assert yaml.safe_load((tmp_path / "out" / "recipe.yaml").read_text())["consistency_weight"] == 0


def test_training_ends_with_the_row_beside_its_parents(tmp_path: Path, tiny_data: Path) -> None:
    suite = tmp_path / "few.yaml"
    suite.write_text(
        "{name: few, protocol: {name: aaai21-clamped, short_side: 40}, dataset: shapes, images: 3, "
        "attributions: [grad_cam], metrics: [Top-1]}"
    )
    recipe = write_recipe(tmp_path, suite=str(suite), parent="shapes-gc", epochs=1, consistency_weight=0)
    words = ["train", str(recipe), "--out", str(tmp_path / "out"), "--device", "cpu"]
    words += ["--data", f"shapes={tiny_data}"]
    stopped = CliRunner().invoke(app, [*words, "--steps", "1"], catch_exceptions=False)
    assert "next: raybench run SUITE --checkpoint" in stopped.output
    assert not (tmp_path / "out" / "measured").exists()
    result = CliRunner().invoke(app, [*words, "--resume"], catch_exceptions=False)
    assert result.exit_code == 0
    summary = pd.read_csv(tmp_path / "out" / "measured" / "summary.csv")
    assert list(dict.fromkeys(summary["checkpoint"])) == ["shapes-gc", "tiny"]
    assert result.output.index(" shapes-gc ") < result.output.index(" tiny ")
    quiet = CliRunner().invoke(app, [*words, "--resume", "--quiet"], catch_exceptions=False)
    assert (quiet.exit_code, quiet.output) == (0, "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suite": "demoo"}, "unknown suite 'demoo'; did you mean 'demo'"),
        ({"suite": "demo", "parent": "shapes-gcc"}, "unknown checkpoint 'shapes-gcc'"),
        ({"suite": "demo", "parent": "shapes-gc", "name": "shapes-gc"}, "has checkpoint 'shapes-gc' twice"),
    ],
)
def test_suite_that_cannot_be_measured_is_refused_before_the_first_step(
    changes: dict[str, str], message: str, tmp_path: Path, tiny_data: Path
) -> None:
    with pytest.raises(RaybenchError, match=message):
        trained(tiny_recipe(**changes), tmp_path, data={"shapes": tiny_data})
    assert not list(tmp_path.glob("states/step-*"))


def test_log_goes_to_tensorboard_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str, *, purge_step: int) -> None:
            assert (folder, purge_step) == (str(tmp_path / "tensorboard"), 0)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            seen.append((name, value, step))

        def flush(self) -> None:
            pass

    stand_in = ModuleType("tensorboard")
    stand_in.__spec__ = ModuleSpec("tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard", stand_in)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    rows = trained(tiny_recipe(epochs=1, log_every=1), tmp_path).rows
    assert [(value, step) for name, value, step in seen if name == "loss/consistency"] == [
        (row.consistency, row.step) for row in rows
    ]
    assert ("validation/Top-1", rows[-1].measured["top1_accuracy"], 2) in seen


def test_lines_of_a_training_come_once_in_half_a_minute_and_say_what_is_left() -> None:
    lines: list[str] = []
    clock = [0.0]
    progress = PlainTraining(lines.append, every=30, clock=lambda: clock[0])
    progress.start("net", total=100, done=10, images_per_step=8)
    for clock[0] in (10.0, 20.0, 40.0, 41.0):
        progress.advance({"classification": 0.5})  # a step in 10, then 3 in 40 s: 87 more take 1160 s
    assert lines == [
        "net: 10 of 100 steps are done already; going on",
        "net 13/100 steps, 0.6 images/s, 19 min left, classification 0.5",
    ]


def test_folder_without_a_name_is_that_of_the_pictures_to_train_on(tmp_path: Path, tiny_data: Path) -> None:
    source = {"dataset": "shapes_coco"}
    classes = str(tiny_data / "classes.txt")
    recipe = write_recipe(tmp_path, train=source, validation=source, classes=classes, batch_size=4)
    words = [
        "train",
        str(recipe),
        "--data",
        str(tiny_data),
        "--out",
        str(tmp_path / "out"),
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(app, [*words, "--steps", "1", "--workers", "0"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "F1-PerClass" in result.output
