"""Goes on from the last state of a training, if recipe, pictures and network are those that led to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from ...base import RaybenchError
from ...benchmark.suite import TrainingSettings
from ..recipe.recipe import Recipe
from .checks import refuse_other_recipe
from .state import TrainingState, latest_state, load_state

__all__ = ["restore", "state_to_resume"]


def state_to_resume(
    folder: Path, recipe: Recipe, settings: TrainingSettings, *, processes: int, say: Callable[[str], None]
) -> TrainingState | None:
    """Return the last state, or None where training is to begin.

    Args:
        folder: of the states.
        recipe: to be followed.
        settings: whether to go on.
        processes: how many train now.
        say: told what the user may not expect.

    Raises:
        RaybenchError: there is a state, and no wish to go on with it; or it is damaged, or of another recipe.
    """
    path = latest_state(folder)
    if path is None:
        if settings.resume:
            say(f"{folder} holds no state yet; beginning with step 1")
        return None
    if not settings.resume:
        raise RaybenchError(
            f"{settings.out} holds a training already ({path.name}); add --resume to go on with it, "
            "or choose another --out"
        )
    state = load_state(path)
    refuse_other_recipe(state, recipe, settings.out)
    if state.processes != processes:
        say(
            f"{path} was written by {state.processes} processes, now there are {processes}: "
            "the weights will differ a little from those of an unchanged run"
        )
    return state


def restore(state: TrainingState, network: nn.Module, optimiser: torch.optim.Optimizer, folder: Path) -> None:
    """Load a state of `folder` into the network and its optimiser.

    Raises:
        RaybenchError: the state is of another network.
    """
    try:
        network.load_state_dict(state.network)
        optimiser.load_state_dict(state.optimiser)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise RaybenchError(
            f"{folder} holds states of another network ({reason}); go on with the code that made them, or "
            "choose another --out"
        ) from None
