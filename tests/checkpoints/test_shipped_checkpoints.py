"""The shipped `shapes` checkpoints on scenes that no recipe trains on."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import torch

from raybench.checkpoints import load_network
from raybench.training import load_recipe
from raybench.training.data.picture_files import open_pictures
from raybench.training.loop.validation import validate

NAMES = ("shapes-baseline", "shapes-gc", "shapes-gmp", "shapes-gmp-gc", "shapes-vit", "shapes-swin")


@pytest.mark.parametrize("name", NAMES)
def test_checkpoint_recognises_new_scenes(name: str) -> None:
    network = load_network(name)
    recipe = load_recipe("shapes-gc", ["validation.images=60", "validation.seed=99"])
    measured = validate(network.module, open_pictures(recipe.validation, recipe, {}), len(network.classes))
    assert measured["top1_accuracy"] > 70  # chance is 8.3
    assert measured["top5_accuracy"] > measured["top1_accuracy"]


@pytest.mark.parametrize("name", NAMES)
def test_card_agrees_with_the_recipe_of_its_name(name: str) -> None:
    recipe = load_recipe(name)
    card = load_network(name).card
    made = (recipe.architecture, recipe.classes, recipe.pooling, recipe.target_layer)
    assert (card.architecture, card.classes, card.pooling, card.target_layer) == made


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_finite_and_below_one_megabyte(name: str) -> None:
    path = Path(str(files("raybench.checkpoints") / "shapes" / f"{name}.safetensors"))
    assert path.stat().st_size < 1_000_000
    assert all(torch.isfinite(tensor).all() for tensor in load_network(name).module.state_dict().values())
