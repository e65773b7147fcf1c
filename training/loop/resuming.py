"""Goes on from the last state of a training, if recipe, pictures and network are those that led to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from ...base import RaybenchError
from ...benchmark.suite import TrainingSettings
from ..recipe.recipe import Recipe
from .checks import refuse_other_recipe
from .state import DamagedStateError, TrainingState, load_state, states_in

__all__ = ["restore", "state_to_resume"]


def state_to_resume(
    folder: Path, recipe: Recipe, settings: TrainingSettings, *, processes: int, say: Callable[[str], None]
) -> TrainingState | None:
    """Return the last state that is sound, or None where training is to begin.

    Args:
        folder: of the states.
        recipe: to be followed.
        settings: whether to go on.
        processes: how many train now.
        say: told what the user may not expect.

    Raises:
        RaybenchError: there is a state, and no wish to go on with it; or all are damaged, or of another
            recipe.
    """
    states = states_in(folder)
    if not states:
        if settings.resume:
            say(f"{folder} holds no state yet; beginning with step 1")
        return None
    if not settings.resume:
        raise RaybenchError(
            f"{settings.out} holds a training already ({states[-1].name}); add --resume to go on with it, "
            "or choose another --out"
        )
    path, state = _newest_sound(states, say)
    refuse_other_recipe(state, recipe, settings.out)
    if state.processes != processes:
        say(
            f"{path} was written by {state.processes} processes, now there are {processes}: "
            "the weights will differ a little from those of an unchanged run"
        )
    return state


def _newest_sound(states: Sequence[Path], say: Callable[[str], None]) -> tuple[Path, TrainingState]:
    """Read the newest state, or the one before if that is damaged."""
    *earlier, path = states
    try:
        return path, load_state(path)
    except DamagedStateError as error:
        if not earlier:
            raise RaybenchError(f"{error}, and there is none before it; choose another --out") from None
        say(f"{error}; going on from the one before, {earlier[-1].name}")
        return _newest_sound(earlier, say)


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
