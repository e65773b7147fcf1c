"""What a training sets out with: pictures, a network, and the state of an earlier run to go on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...base import seed_for
from ...benchmark.suite import TrainingSettings
from ...checkpoints import build_module, load_classes
from ..data.loading import Share
from ..data.picture_files import open_pictures
from ..data.pictures import Pictures
from ..data.problems import Problems
from ..recipe.recipe import Recipe
from .checks import refuse_other_course, refuse_unknown_measurement, refuse_untrainable
from .initial import start_from
from .measuring import refuse_unmeasurable
from .resuming import state_to_resume
from .state import TrainingState

__all__ = ["Beginning", "set_out"]


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
    left_out = Problems("left out", say)
    pictures, validation = (
        _opened(source, recipe, settings, left_out) for source in (recipe.train, recipe.validation)
    )
    left_out.tell_rest()
    refuse_untrainable(pictures, recipe, share)
    if recipe.localisation:
        refuse_unknown_measurement(recipe.localisation, settings.data)
    steps_per_epoch = len(pictures.trainable) // recipe.optimisation.batch_size
    total = recipe.optimisation.epochs * steps_per_epoch
    end = min(total, settings.steps or total)
    if state is not None:
        refuse_other_course(state, settings.out, steps_per_epoch=steps_per_epoch, end=end)
    network = _built(recipe, settings, classes, say, fresh=state is None)
    if recipe.suite:
        refuse_unmeasurable(recipe, settings, network)
    return Beginning(pictures, validation, classes, steps_per_epoch, end, network, state)


def _opened(source: Any, recipe: Recipe, settings: TrainingSettings, left_out: Problems) -> Pictures:
    pictures = open_pictures(source, recipe, settings.data)
    left_out.tell(getattr(pictures, "problems", ()))
    return pictures


def _built(
    recipe: Recipe, settings: TrainingSettings, classes: int, say: Callable[[str], None], *, fresh: bool
) -> nn.Module:
    torch.manual_seed(seed_for(recipe.seed, "weights"))
    trust_code = settings.trust_code
    module = build_module(
        recipe.architecture, num_classes=classes, pooling=recipe.pooling, trust_code=trust_code
    )
    if recipe.initial and fresh:
        say(start_from(module, recipe, settings.data, trust_code=trust_code))
    return module.to(memory_format=torch.channels_last)
