"""Stopping and going on: kill -9, a full disk, another recipe, a damaged state."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import start_training, tiny_recipe, write_recipe

from raybench.base.errors import RaybenchError
from raybench.benchmark.results import write_atomically
from raybench.training import Recipe, SilentTraining, TrainingSettings, train
from raybench.training.loop.state import load_state


def run(recipe: Recipe, out: Path, *, resume: bool = False, steps: int | None = None) -> None:
    train(recipe, TrainingSettings(out=out, device="cpu", resume=resume, steps=steps))


def assert_same_weights(first: Path, second: Path) -> None:
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_killed_training_reaches_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=20, save_every=1, log_every=3, negatives="loader")
    whole, broken, said = tmp_path / "whole", tmp_path / "broken", tmp_path / "said"
    unbroken = start_training(recipe, "--out", whole, said=tmp_path / "unbroken")
    for kill_at in (3, 17):
        training = start_training(recipe, "--out", broken, "--resume", said=said)
        while not any(int(path.stem[5:]) >= kill_at for path in broken.glob("states/step-*.pt")):
            assert training.is_running(), said.read_text()
            time.sleep(0.005)
        training.kill()
    (broken / "states" / ".step-000000018.pt.99").write_bytes(b"half of a state")
    unbroken.finish()
    text = start_training(recipe, "--out", broken, "--resume", said=said).finish()
    assert "steps are done already; going on" in text
    assert sorted(path.name for path in (broken / "states").iterdir()) == [
        "step-000000039.pt",
        "step-000000040.pt",
    ]
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
        (
            {"learning_rate": 0.1},
            r"holds a training with optimisation.learning_rate: 0.05, not .*learning_rate: 0.1",
        ),
        ({"train": {"images": 33, "seed": 1}}, r"holds a training with train.images: 32, not .*: 33"),
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
    with pytest.raises(RaybenchError, match="is damaged or no state of a training"):
        run(tiny_recipe(), tmp_path, resume=True)


@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_damaged_newest_state_is_named_and_training_goes_on_from_the_one_before(
    damage: str, tmp_path: Path
) -> None:
    recipe, said = tiny_recipe(save_every=1), []

    class Listening(SilentTraining):
        def say(self, message: str) -> None:
            said.append(message)

    def resume(steps: int) -> None:
        settings = TrainingSettings(out=tmp_path, device="cpu", resume=True, steps=steps)
        train(recipe, settings, reporter=Listening())

    run(recipe, tmp_path, steps=3)
    last = tmp_path / "states" / "step-000000003.pt"
    whole, weight = last.read_bytes(), load_state(last).network["fc.weight"]
    broken = {"cut": whole[: len(whole) // 2], "empty": b"", "other": b"\x80\x02no pickle"}[damage]
    last.write_bytes(broken)
    resume(3)
    assert any("step-000000003.pt is damaged" in line and "step-000000002.pt" in line for line in said)
    assert torch.equal(load_state(last).network["fc.weight"], weight)
    later = tmp_path / "states" / "step-000000009.pt"
    later.write_bytes(broken)
    resume(4)
    assert not later.exists()


def test_training_whose_states_are_all_damaged_is_refused(tmp_path: Path) -> None:
    run(tiny_recipe(), tmp_path, steps=1)
    for state in (tmp_path / "states").iterdir():
        state.write_bytes(b"")
    with pytest.raises(RaybenchError, match=r"is damaged .*none before it; choose another --out"):
        run(tiny_recipe(), tmp_path, resume=True)


def test_fewer_steps_than_are_done_are_refused(tmp_path: Path) -> None:
    run(tiny_recipe(), tmp_path, steps=3)
    with pytest.raises(RaybenchError, match="a training of 3 steps already, more than the 1 asked for"):
        run(tiny_recipe(), tmp_path, resume=True, steps=1)


def test_state_of_other_pictures_is_refused(tmp_path: Path, tiny_data: Path) -> None:
    source = {"dataset": "shapes"}
    recipe = tiny_recipe(
        train=source, validation=source, classes=str(tiny_data / "classes.txt"), batch_size=4
    )
    settings = {"out": tmp_path / "out", "device": "cpu", "workers": 0}
    train(recipe, TrainingSettings(**settings, data={"shapes": tiny_data}, steps=1))  # type: ignore[arg-type]
    fewer = Path(shutil.copytree(tiny_data, tmp_path / "shapes"))
    for picture in sorted((fewer / "val").iterdir())[:10]:
        picture.unlink()
    with pytest.raises(RaybenchError, match=r"3 steps per epoch, but these pictures make 1; go on with the"):
        train(recipe, TrainingSettings(**settings, data={"shapes": fewer}, resume=True))  # type: ignore[arg-type]


def test_folder_that_cannot_be_written_to_is_refused_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    begun: list[str] = []

    class Listening(SilentTraining):
        def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
            begun.append(title)

    with pytest.raises(RaybenchError, match=r"cannot write .*out/states/.writable: not a directory"):
        train(tiny_recipe(), TrainingSettings(out=tmp_path / "out", device="cpu"), reporter=Listening())
    assert not begun


def test_interrupt_while_a_state_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "step-000000001.pt"
    path.write_bytes(b"the state before")

    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"half of the next")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {path.name: b"the state before"}


def test_full_disk_leaves_the_last_good_state(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    out, said = tmp_path / "out", tmp_path / "said"
    start_training(recipe, "--out", out, "--steps", 1, said=said).finish()
    state = out / "states" / "step-000000001.pt"
    good = state.read_bytes()
    full = start_training(recipe, "--out", out, "--resume", said=said, largest_file=len(good) // 2)
    text = full.finish(code=2)
    assert text.splitlines()[-1].startswith(f"raybench: cannot write {out}")
    assert [path.name for path in (out / "states").iterdir()] == [state.name]
    assert state.read_bytes() == good
    start_training(recipe, "--out", out, "--resume", said=said).finish()
    assert (out / "tiny.safetensors").is_file()
