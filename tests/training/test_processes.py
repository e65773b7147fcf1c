"""Two processes under torchrun train together as one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tiny_training import finish, start_training, write_recipe

from raybench.training.loading import Share, Turns

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")
def test_two_processes_train_resume_and_agree(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, validation={"images": 7, "seed": 2})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    finish(start_training(recipe, "--out", whole, launcher=TORCHRUN))
    finish(start_training(recipe, "--out", parts, "--steps", 3, launcher=TORCHRUN))
    said = finish(start_training(recipe, "--out", parts, "--resume", launcher=TORCHRUN))
    assert said.count("epoch 2:") == 1  # one process speaks
    one, other = load_file(whole / "tiny.safetensors"), load_file(parts / "tiny.safetensors")
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    log = pd.read_csv(whole / "log.csv")
    assert ((log["top1_accuracy"] * 7 / 100).round(6) % 1 == 0).all()  # of seven pictures, each counted once


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
