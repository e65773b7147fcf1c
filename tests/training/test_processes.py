"""Two processes that find each other as under torchrun train together as one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tiny_training import start_training, write_recipe

from raybench.checkpoints import load_network
from raybench.training.data.loading import Share, Turns

needs_distributed = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch has no torch.distributed"
)


@needs_distributed
def test_two_processes_train_resume_and_agree(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, validation={"images": 7, "seed": 2})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    said = tmp_path / "said"
    spoken = start_training(recipe, "--out", whole, processes=2, said=said).finish()
    assert spoken.count("epoch 2:") == 1  # one process speaks
    start_training(recipe, "--out", parts, "--steps", 3, processes=2, said=said).finish()
    assert start_training(recipe, "--out", parts, "--resume", processes=2, said=said).finish()
    one, other = load_file(whole / "tiny.safetensors"), load_file(parts / "tiny.safetensors")
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    log = pd.read_csv(whole / "log.csv")
    assert ((log["top1_accuracy"] * 7 / 100).round(6) % 1 == 0).all()  # of seven pictures, each counted once


@needs_distributed
def test_two_processes_reach_the_weights_of_one_where_no_batch_is_averaged(tmp_path: Path) -> None:
    recipe = write_recipe(
        tmp_path,
        initial="shapes-baseline",
        frozen_batch_norm=True,  # the batch norm of each process sees its own pictures
        negatives="loader",  # those of the batch are those of a process's share
        learning_rate=0.01,
    )
    running = [
        start_training(
            recipe, "--out", tmp_path / str(count), processes=count, said=tmp_path / f"said{count}"
        )
        for count in (1, 2)
    ]
    for training in running:
        training.finish()
    start = load_network("shapes-baseline").module.state_dict()
    one, two = (load_file(tmp_path / str(count) / "tiny.safetensors") for count in (1, 2))
    assert not torch.equal(one["conv1.weight"], start["conv1.weight"])
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


@needs_distributed
def test_mistake_that_one_process_meets_ends_all(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, batch_size=5)
    said = start_training(recipe, "--out", tmp_path / "out", processes=2, said=tmp_path / "said").finish(
        code=2
    )
    assert "batch_size 5 cannot be dealt out evenly to 2 processes" in said
    recipe = write_recipe(tmp_path, batch_size=2)
    said = start_training(recipe, "--out", tmp_path / "out", processes=2, said=tmp_path / "said").finish(
        code=2
    )
    assert "leaves one picture to each of 2 processes" in said


@needs_distributed
def test_each_process_names_the_pictures_that_it_cannot_read(tmp_path: Path, tiny_data: Path) -> None:
    folder = Path(shutil.copytree(tiny_data, tmp_path / "shapes"))
    second = sorted((folder / "val").glob("*.jpg"))[1]  # of two processes, the other one's
    second.write_bytes(b"no picture")
    classes = str(folder / "classes.txt")
    recipe = write_recipe(tmp_path, validation={"dataset": "shapes"}, classes=classes, epochs=1)
    words = [recipe, "--data", f"shapes={folder}", "--out", tmp_path / "out"]
    said = start_training(*words, processes=2, said=tmp_path / "said").finish()
    assert said.count(f"skipped: cannot read {second}") == 1


def test_processes_take_together_what_one_would() -> None:
    alone = list(Turns(20, 6, 5, range(1, 7), Share()))
    parts = [list(Turns(20, 6, 5, range(1, 7), Share(rank, 3))) for rank in range(3)]
    for step, batch in enumerate(alone):
        assert sorted(batch) == sorted(draw for part in parts for draw in part[step])
    assert [len(batch) for batch in parts[0]] == [2] * 6


def test_epoch_shows_each_picture_at_most_once_and_orders_differ() -> None:
    turns = list(Turns(20, 5, 0, range(8), Share()))
    first, second = ([draw.place for batch in turns[at : at + 4] for draw in batch] for at in (0, 4))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert list(Turns(20, 5, 0, range(3, 8), Share())) == turns[3:]
