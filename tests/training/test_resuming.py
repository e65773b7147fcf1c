"""Stopping and going on: kill -9, a full disk, another recipe, a damaged state."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import finish, start_training, tiny_recipe, write_recipe

from raybench.errors import RaybenchError
from raybench.training import Recipe, TrainingSettings, train
from raybench.training.state import load_state


def run(recipe: Recipe, out: Path, *, resume: bool = False, steps: int | None = None) -> None:
    train(recipe, TrainingSettings(out=out, device="cpu", resume=resume, steps=steps))


def assert_same_weights(first: Path, second: Path) -> None:
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_killed_training_reaches_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=20, save_every=1, log_every=3, negatives="loader")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start_training(recipe, "--out", whole))
    for kill_at in (3, 17):
        process = start_training(recipe, "--out", broken, "--resume")
        while not any(int(path.stem[5:]) >= kill_at for path in broken.glob("states/step-*.pt")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        process.kill()
        process.communicate()
        assert process.returncode == -9
    said = finish(start_training(recipe, "--out", broken, "--resume"))
    assert "steps are done already; going on" in said
    assert_same_weights(whole / "tiny.safetensors", broken / "tiny.safetensors")
    plain = [(path / "log.csv").read_text().splitlines() for path in (whole, broken)]
    timeless = [[line.split(",")[:5] + line.split(",")[6:] for line in lines] for lines in plain]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_training_stopped_after_any_step_goes_on_to_the_same_weights(stop_at: int, tmp_path: Path) -> None:
    recipe = tiny_recipe(pooling="max")
    run(recipe, tmp_path / "whole")
    run(recipe, tmp_path / "parts", steps=stop_at)
    run(recipe, tmp_path / "parts", resume=True)
    assert_same_weights(tmp_path / "whole" / "tiny.safetensors", tmp_path / "parts" / "tiny.safetensors")


def test_network_with_dropout_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    recipe = tiny_recipe(
        architecture="squeezenet1_1", target_layer="features", consistency_weight=0, short_side=64, crop=64
    )
    run(recipe, tmp_path / "whole", steps=3)
    run(recipe, tmp_path / "parts", steps=1)
    run(recipe, tmp_path / "parts", resume=True, steps=3)
    assert_same_weights(tmp_path / "whole" / "tiny.safetensors", tmp_path / "parts" / "tiny.safetensors")


def test_last_two_states_are_kept_and_load_without_code(tmp_path: Path) -> None:
    run(tiny_recipe(save_every=1), tmp_path)
    states = sorted(path.name for path in (tmp_path / "states").iterdir())
    assert states == ["step-000000003.pt", "step-000000004.pt"]
    state = load_state(tmp_path / "states" / states[-1])
    assert state.step == 4
    assert state.recipe["architecture"].endswith("shapes_net")


def test_training_is_not_begun_over_another(tmp_path: Path) -> None:
    run(tiny_recipe(), tmp_path, steps=1)
    with pytest.raises(RaybenchError, match="holds a training already .*; add --resume"):
        run(tiny_recipe(), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "resnet18"}, r"holds a training with architecture: .*shapes_net, not .*resnet18"),
        ({"pooling": "max"}, r"holds a training with pooling: avg, not pooling: max"),
        ({"learning_rate": 0.1}, r"holds a training with optimisation: "),
    ],
)
def test_other_recipe_is_refused_in_one_sentence(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    run(tiny_recipe(), tmp_path, steps=1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "states").iterdir()}
    with pytest.raises(RaybenchError, match=message) as caught:
        run(tiny_recipe(**changes), tmp_path, resume=True)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / "states").iterdir()} == before


def test_state_with_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "states").mkdir()
    torch.save({"step": Path("x")}, tmp_path / "states" / "step-000000001.pt")
    with pytest.raises(RaybenchError, match="is no state of a training"):
        run(tiny_recipe(), tmp_path, resume=True)


def test_full_disk_leaves_the_last_good_state(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    out = tmp_path / "out"
    finish(start_training(recipe, "--out", out, "--steps", 1))
    state = out / "states" / "step-000000001.pt"
    good = state.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) // 2, before[1]))  # what a child may write
    try:
        process = start_training(recipe, "--out", out, "--resume")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "no space left on disk while writing" in said.splitlines()[-1]
    assert [path.name for path in (out / "states").iterdir()] == [state.name]
    assert state.read_bytes() == good
    finish(start_training(recipe, "--out", out, "--resume"))
    assert (out / "tiny.safetensors").is_file()
