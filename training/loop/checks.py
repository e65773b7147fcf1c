"""Refuses data that cannot be trained on, and states that a recipe would not have led to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...attributions import ATTRIBUTIONS
from ...base import RaybenchError
from ...benchmark.datasets import open_dataset
from ...benchmark.suite import PROTOCOLS
from ...checkpoints import load_classes
from ..data.loading import Share
from ..data.pictures import Pictures
from ..recipe.recipe import Localisation, Recipe
from .state import TrainingState

__all__ = ["refuse_other_course", "refuse_other_recipe", "refuse_unknown_measurement", "refuse_untrainable"]

# what may differ between the recipe of a state and that of the run that goes on from it
_FREE = {"name", "log_every", "save_every", "compile", "localisation", "suite", "parent"}


def refuse_untrainable(pictures: Pictures, recipe: Recipe, share: Share) -> None:
    """Refuse pictures that a recipe cannot be followed on by so many processes.

    Raises:
        RaybenchError: says what is missing.
    """
    batch_size = recipe.optimisation.batch_size
    if len(pictures.trainable) < batch_size:
        raise RaybenchError(
            f"{pictures.name} has {len(pictures.trainable)} pictures, fewer than one batch of "
            f"{batch_size}; lower optimisation.batch_size"
        )
    if batch_size % share.processes:
        raise RaybenchError(
            f"batch_size {batch_size} cannot be dealt out evenly to {share.processes} processes"
        )
    if recipe.consistency_weight and recipe.negatives == "batch" and batch_size == share.processes:
        raise RaybenchError(
            f"batch_size {batch_size} leaves one picture to each of {share.processes} processes, and none to "
            "fill its grid with; raise optimisation.batch_size, or set negatives: loader"
        )
    common = pictures.targets.class_without_negatives()
    if common is None:
        return
    label = load_classes(recipe.classes).labels[common]
    if pictures.targets.target(0).ndim == 0:
        raise RaybenchError(
            f"all pictures of {pictures.name} are of one class, {label!r}; a classifier needs two or more"
        )
    if recipe.consistency_weight:
        raise RaybenchError(
            f"no negatives for class {label!r}: every picture of {pictures.name} holds it; add pictures "
            "without it, or set consistency_weight: 0"
        )


def refuse_unknown_measurement(choice: Localisation, data: Mapping[str, Path]) -> None:
    """Refuse, before the first epoch rather than after it, a localisation that cannot be measured.

    Raises:
        RaybenchError: there is no such attribution or dataset.
    """
    ATTRIBUTIONS.get(choice.attribution)
    options = {"split": choice.split} if choice.split else {}
    open_dataset(choice.dataset, data, PROTOCOLS["aaai21-clamped"], options)


def refuse_other_recipe(state: TrainingState, recipe: Recipe, folder: Path) -> None:
    """Refuse to go on from a state by a recipe that would have led elsewhere.

    Raises:
        RaybenchError: names the first key that differs, the architecture first of all.
    """
    now, before = _flat(recipe.model_dump(mode="json")), _flat(state.recipe)
    keys = sorted(now.keys() | before.keys(), key=lambda key: (key != "architecture", key))
    for key in keys:
        if key.partition(".")[0] not in _FREE and now.get(key) != before.get(key):
            raise RaybenchError(
                f"{folder} holds a training with {key}: {_yaml(before, key)}, not {key}: {_yaml(now, key)}; "
                "go on with its own recipe, or choose another --out"
            )


def refuse_other_course(state: TrainingState, folder: Path, *, steps_per_epoch: int, end: int) -> None:
    """Refuse to go on from a state to a step that lies before it, or on more or fewer pictures.

    Raises:
        RaybenchError: says which.
    """
    if state.steps_per_epoch != steps_per_epoch:
        raise RaybenchError(
            f"{folder} holds a training with {state.steps_per_epoch} steps per epoch, but these pictures "
            f"make {steps_per_epoch}; go on with the pictures it began with, or choose another --out"
        )
    if state.step > end:
        raise RaybenchError(
            f"{folder} holds a training of {state.step} steps already, more than the {end} asked for; "
            "raise --steps, or choose another --out"
        )


def _flat(content: Mapping[str, Any], outer: str = "") -> dict[str, Any]:
    """Keys of all levels as `outer.inner`, with their values."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        inner = _flat(value, f"{outer}{key}.") if isinstance(value, Mapping) else {f"{outer}{key}": value}
        flat |= inner
    return flat


def _yaml(flat: Mapping[str, Any], key: str) -> str:
    """The value of a key as a recipe would say it."""
    return json.dumps(flat[key]) if not isinstance(flat.get(key), str) else str(flat[key])
