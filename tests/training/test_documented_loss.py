"""What docs/training.md shows works as it stands there: the commands, the keys and the loss of one's own."""

from __future__ import annotations

import math
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.main import get_command

from raybench.checkpoints.shapes_net import shapes_net
from raybench.commands import app
from raybench.training import load_recipe

DOCS = Path(__file__).resolve().parents[2] / "docs" / "training.md"


pytestmark = pytest.mark.skipif(not DOCS.is_file(), reason="the docs lie in the checkout only")


def test_documented_commands_name_recipes_and_keys_that_there_are() -> None:
    text = DOCS.read_text(encoding="utf-8")
    (few,) = re.findall(r'^few="(.*)"$', text, re.MULTILINE)
    commands = re.findall(r"^(?:torchrun .*-m )?raybench train ([^#\n]*)", text, re.MULTILINE)
    assert len(commands) >= 8
    options = {name for parameter in get_command(app).commands["train"].params for name in parameter.opts}  # type: ignore[attr-defined]
    for command in commands:
        recipe, *words = shlex.split(command.replace("$few", few))
        load_recipe(recipe, [word for flag, word in pairwise(words) if flag == "--set"])
        assert {word for word in words if word.startswith("--")} <= options


def test_documented_keys_can_be_set() -> None:
    rows = re.findall(r"^\| .* \| (`.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    changes = [change for row in rows for change in re.findall(r"`([a-z_.]+=[^`]*)`", row)]
    assert len(changes) >= 10
    for change in changes:
        load_recipe("imagenet-gc", ["initial=resnet18", change])


def test_documented_loss_lies_between_a_point_and_an_even_map() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    torch.manual_seed(0)
    network = shapes_net(12)
    logits, loss = names["focus_loss"](network, "layer4", torch.randn(2, 3, 32, 32), torch.tensor([1, 4]))
    assert logits.shape == (2, 12)
    assert 0 < loss.item() <= math.log(4 * 4) + 1e-5
    loss.backward()
    assert network.layer4.conv1.weight.grad.abs().sum() > 0
