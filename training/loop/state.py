"""The full state of a training on disk: written whole, read without running code, and gone on from."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...base import RaybenchError
from ...benchmark.results import write_atomically
from ...benchmark.suite import TrainingSettings
from ..recipe.recipe import Recipe

# what may differ between the recipe of a state and that of the run that goes on from it
_FREE = {"name", "log_every", "save_every", "compile", "localisation", "suite", "parent"}
KEPT = 2
FORMAT = 2
GO_ON = "add --resume to go on"
"""What is to be done when a full disk has space again."""


class DamagedStateError(RaybenchError):
    """A state that cannot be gone on from; an earlier one may do."""


@dataclass(frozen=True)
class TrainingState:
    """All that training goes on from. Random draws and learning rates follow from the recipe and the step.

    Attributes:
        step: steps done, through all epochs.
        recipe: as plain values.
        network, optimiser, precision: their state dicts.
        tally: sums since the last row of the log; see `Tally`.
        steps_per_epoch: which follows from the number of pictures.
        processes: how many took part.
        format: of this record.
    """

    step: int
    recipe: dict[str, Any]
    network: dict[str, Any]
    optimiser: dict[str, Any]
    precision: dict[str, Any]
    tally: list[float]
    steps_per_epoch: int
    processes: int
    format: int = FORMAT


def save_state(state: TrainingState, folder: Path) -> Path:
    """Write a state and remove all but the last two.

    Raises:
        RaybenchError: the disk is full or not writable; the states written before stay.
    """
    path = folder / f"step-{state.step:09d}.pt"
    for half in folder.glob(".step-*.pt.*"):  # of a process that was killed while it wrote
        half.unlink(missing_ok=True)
    content = io.BytesIO()
    torch.save(asdict(state), content)
    write_atomically(path, content.getvalue(), GO_ON)
    states = states_in(folder)
    done = states.index(path) + 1
    for old in (*states[: done - KEPT], *states[done:]):  # states of later steps were found damaged
        old.unlink(missing_ok=True)
    return path


def prepare_folder(folder: Path) -> None:
    """Make the folder of states, so that one that cannot be written to shows before the first step.

    Raises:
        RaybenchError: it cannot be made, or nothing can be written to it.
    """
    write_atomically(folder / ".writable", "", GO_ON)
    (folder / ".writable").unlink(missing_ok=True)


def states_in(folder: Path) -> list[Path]:
    """Return the states in a folder, the newest last."""
    return sorted(folder.glob("step-*.pt"))


def load_state(path: Path) -> TrainingState:
    """Read a state, onto the CPU.

    Raises:
        DamagedStateError: the file is damaged, or holds code.
        RaybenchError: it is of another version.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = TrainingState(**content)
    except OSError as error:
        raise DamagedStateError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except Exception:  # what damaged bytes raise depends on where they are damaged; torch's advice is unsafe
        raise DamagedStateError(f"{path} is damaged or no state of a training") from None
    if state.format != FORMAT:
        raise RaybenchError(f"{path} was written by another version of raybench (format {state.format})")
    return state


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
    _refuse_other_recipe(state, recipe, settings.out)
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


def _refuse_other_recipe(state: TrainingState, recipe: Recipe, folder: Path) -> None:
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
