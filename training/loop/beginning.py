"""What a training sets out with: pictures, a network, and the state of an earlier run to go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ...attributions import ATTRIBUTIONS
from ...base import RaybenchError, seed_for
from ...benchmark.datasets import open_dataset
from ...benchmark.suite import PROTOCOLS, TrainingSettings
from ...checkpoints import build_module, load_classes, load_network
from ..data.loading import Share
from ..data.picture_files import open_pictures
from ..data.pictures import Pictures
from ..data.problems import Problems
from ..recipe.recipe import Localisation, Recipe
from .measuring import refuse_unmeasurable
from .state import TrainingState, refuse_other_course, state_to_resume


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a training sets out with.

    Attributes:
        pictures: to train on.
        validation: pictures that accuracy or F1 is measured on.
        classes: number of the network's outputs.
        steps_per_epoch: pictures that fill no batch wait for the next epoch.
        end: number of steps after which this run stops.
        network: on the CPU, fresh or with the weights of the recipe's `initial`.
        state: of the earlier run, not yet loaded into the network, or None.
    """

    pictures: Pictures
    validation: Pictures
    classes: int
    steps_per_epoch: int
    end: int
    network: nn.Module
    state: TrainingState | None


def set_out(
    recipe: Recipe, settings: TrainingSettings, share: Share, say: Callable[[str], None]
) -> Beginning:
    """Find pictures, build the network and read the last state, each refused before the first step.

    Raises:
        RaybenchError: recipe, data and states do not fit.
    """
    classes = len(load_classes(recipe.classes))
    states = settings.out / "states"
    state = state_to_resume(states, recipe, settings, processes=share.processes, say=say)
    pictures, validation = (
        open_pictures(source, recipe, settings.data) for source in (recipe.train, recipe.validation)
    )
    left_out = Problems("left out", say)
    left_out.tell([*pictures.problems, *validation.problems])
    left_out.tell_rest()
    _refuse_untrainable(pictures, recipe, share)
    if recipe.localisation:
        _refuse_unknown_measurement(recipe.localisation, settings.data)
    steps_per_epoch = len(pictures.trainable) // recipe.optimisation.batch_size
    total = recipe.optimisation.epochs * steps_per_epoch
    end = min(total, settings.steps or total)
    if state is not None:
        refuse_other_course(state, settings.out, steps_per_epoch=steps_per_epoch, end=end)
    network = _built(recipe, settings, classes, say, fresh=state is None)
    if recipe.suite:
        refuse_unmeasurable(recipe, settings, network)
    return Beginning(pictures, validation, classes, steps_per_epoch, end, network, state)


def _refuse_untrainable(pictures: Pictures, recipe: Recipe, share: Share) -> None:
    """Refuse pictures that a recipe cannot be followed on by so many processes."""
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


def _refuse_unknown_measurement(choice: Localisation, data: Mapping[str, Path]) -> None:
    """Refuse, before the first epoch rather than after it, a localisation that cannot be measured."""
    ATTRIBUTIONS.get(choice.attribution)
    options = {"split": choice.split} if choice.split else {}
    open_dataset(choice.dataset, data, PROTOCOLS["aaai21-clamped"], options)


def _built(
    recipe: Recipe, settings: TrainingSettings, classes: int, say: Callable[[str], None], *, fresh: bool
) -> nn.Module:
    torch.manual_seed(seed_for(recipe.seed, "weights"))
    module = build_module(
        recipe.architecture,
        num_classes=classes,
        pooling=recipe.pooling,
        trust_code=settings.trust_code,
    )
    if recipe.initial and fresh:
        say(_start_from(recipe.initial, module, recipe, settings))
    return module.to(memory_format=torch.channels_last)


def _start_from(initial: str, module: nn.Module, recipe: Recipe, settings: TrainingSettings) -> str:
    """Copy the weights of a checkpoint into a fresh module, and say what was and what was not loaded.

    What is made for other classes, that is, tensors that differ in their first dimension alone, stays fresh.
    """
    network = load_network(initial, data=settings.data, trust_code=settings.trust_code)
    given, own = network.module.state_dict(), module.state_dict()
    if network.card.architecture != recipe.architecture or given.keys() != own.keys():
        raise RaybenchError(
            f"initial checkpoint {network.name!r} is of architecture {network.card.architecture}, not "
            f"{recipe.architecture}; choose another initial, or the same architecture"
        )
    fresh = [key for key in own if own[key].shape != given[key].shape]
    module.load_state_dict({key: own[key] if key in fresh else given[key] for key in own})
    loaded = len(own) - len(fresh)
    head = f"; new: {', '.join(fresh)}, for {recipe.classes} in place of {network.classes.name}"
    return f"loaded {loaded} of {len(own)} tensors from {network.name}{head if fresh else ''}"
