"""Recipes: what ships is valid, and mistakes are named."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.checkpoints import find_card
from raybench.training import Recipe, load_recipe
from raybench.training.loop.result import target_layer_of
from raybench.training.recipe.recipe import ShapesScenes

SHIPPED = sorted(Path(str(files("raybench.suites") / "train")).glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipe_is_valid_and_named_like_its_file(path: Path) -> None:
    assert load_recipe(str(path)).name == path.stem


def changed(tmp_path: Path, old: str, new: str) -> Path:
    path = tmp_path / "recipe.yaml"
    text = next(path for path in SHIPPED if path.stem == "shapes-gc").read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pooling: avg", "poling: avg", r"recipe.yaml, line 4: unknown key 'poling'; did you mean 'pooling'"),
        ("seed: 2", "seed: 1", "train and validation name the same seed"),
        ("seed: 2", "seed: 0", r"validation.seed: input should be greater than or equal to 1"),
        ("batch_size: 64", "batch_size: 9999", "fewer images than one batch"),
    ],
)
def test_mistake_in_a_recipe_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        load_recipe(str(changed(tmp_path, old, new)))


def test_demo_scenes_cannot_be_trained_on() -> None:
    assert all(Recipe.model_fields[name].is_required() for name in ("train", "validation"))
    scenes = [
        source
        for path in SHIPPED
        for source in (load_recipe(str(path)).train, load_recipe(str(path)).validation)
        if isinstance(source, ShapesScenes)
    ]
    assert len(scenes) >= 10
    assert all(source.seed != 0 for source in scenes)


@pytest.mark.parametrize("data", ["shapes", "imagenet", "coco"])
def test_recipes_of_a_dataset_differ_in_pooling_and_consistency_only(data: str) -> None:
    recipes = {
        path.stem: load_recipe(str(path)) for path in SHIPPED if re.match(f"{data}-(baseline|g)", path.stem)
    }
    kinds = {name: (recipe.pooling, recipe.consistency_weight > 0) for name, recipe in recipes.items()}
    assert kinds == {
        f"{data}-baseline": ("avg", False),
        f"{data}-gc": ("avg", True),
        f"{data}-gmp": ("max", False),
        f"{data}-gmp-gc": ("max", True),
    }
    own = {"name", "pooling", "consistency_weight", "consistency_start", "initial"}
    rest = [recipe.model_dump(exclude=own) for recipe in recipes.values()]
    assert all(other == rest[0] for other in rest)
    assert all(
        recipe.kind == name.removeprefix(f"{data}-").replace("-", "_") for name, recipe in recipes.items()
    )


# protocols.md, section Training
PUBLISHED = {
    "imagenet-gc": (1, 25, 90, 256, 0.1, (30, 60), 0.9, 1e-4),
    "coco-gc": (80, 1, 36, 256, 0.01, (24, 30), 0.9, 5e-4),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_hyperparameters_are_in_the_recipe(name: str) -> None:
    recipe = load_recipe(name)
    choice = recipe.optimisation
    assert PUBLISHED[name] == (
        recipe.classification_weight,
        recipe.consistency_weight,
        choice.epochs,
        choice.batch_size,
        choice.learning_rate,
        choice.milestones,
        choice.momentum,
        choice.weight_decay,
    )
    assert (recipe.crop, recipe.negatives, choice.schedule, choice.nesterov) == (
        224,
        "loader",
        "steps",
        False,
    )


@pytest.mark.parametrize("kind", ["baseline", "gc", "gmp", "gmp-gc"])
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_coco_starts_from_the_imagenet_card_of_its_kind(kind: str, architecture: str) -> None:
    changes = [f"architecture={architecture}", f"initial={architecture}-{kind}"]
    recipe = load_recipe(f"coco-{kind}", changes)
    assert load_recipe(f"coco-{kind}").initial == f"resnet18-{kind}"
    card = find_card(str(recipe.initial))
    assert (card.architecture, card.pooling) == (architecture, recipe.pooling)


@pytest.mark.parametrize(("architecture", "layer"), [("resnet18", "layer4"), ("alexnet", "features")])
def test_target_layer_is_that_of_the_architectures_card(architecture: str, layer: str) -> None:
    assert target_layer_of(load_recipe("imagenet-gc", [f"architecture={architecture}"])) == layer


def test_architecture_without_a_card_needs_a_target_layer() -> None:
    with pytest.raises(RaybenchError, match="needs a target_layer: no shipped card is of architecture"):
        target_layer_of(load_recipe("imagenet-gc", ["architecture=resnet34"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("architecture", "not of the form KEY=VALUE"),
        ("optimisation.epoch=3", r"unknown key 'optimisation.epoch'; did you mean 'epochs'"),
        ("seed.x=1", "'seed' has no keys of its own"),
        ("seed=[", "not valid YAML"),
        ("train.splt=val", "unknown key 'train.splt'; did you mean 'split'"),
        ("frozen_batch_norm=true", "frozen_batch_norm needs initial"),
        ("optimisation.milestones=[60, 30]", "milestones must rise"),
        ("optimisation.schedule=one_cycle", "milestones are for schedule: steps"),
    ],
)
def test_wrong_change_is_named(change: str, message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        load_recipe("imagenet-gc", [change])


def test_recipe_of_unknown_name_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean .*'imagenet-gc'"):
        load_recipe("imagenet-cg")
