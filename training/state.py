"""The full state of a training on disk: written whole or not at all, and read without running code."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import RaybenchError
from .recipe import Recipe

__all__ = ["FULL_DISK", "TrainingState", "latest_state", "load_state", "refuse_other_recipe", "save_state"]

KEPT = 2
FORMAT = 1
FULL_DISK = "free some space and add --resume to go on"

# what may differ between the recipe of a state and that of the run that goes on from it
_FREE = {"name", "log_every", "save_every", "compile", "localisation"}


@dataclass(frozen=True)
class TrainingState:
    """All that training goes on from. Random draws and learning rates follow from the recipe and the step.

    Attributes:
        step: steps done, through all epochs.
        recipe: as plain values.
        network, optimiser, precision: their state dicts.
        tally: sums since the last row of the log; see `Tally`.
        processes: how many took part.
        format: of this record.
    """

    step: int
    recipe: dict[str, Any]
    network: dict[str, Any]
    optimiser: dict[str, Any]
    precision: dict[str, Any]
    tally: list[float]
    processes: int
    format: int = FORMAT


def save_state(state: TrainingState, folder: Path) -> Path:
    """Write a state and remove all but the last two.

    Raises:
        RaybenchError: the disk is full or not writable; the states written before stay.
    """
    path = folder / f"step-{state.step:09d}.pt"
    write_file(path, lambda file: torch.save(asdict(state), file))
    for old in _states(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def latest_state(folder: Path) -> Path | None:
    """Return the newest state in a folder, or None."""
    states = _states(folder)
    return states[-1] if states else None


def load_state(path: Path) -> TrainingState:
    """Read a state, onto the CPU.

    Raises:
        RaybenchError: the file is damaged, holds code, or is of another version.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = TrainingState(**content)
    except (pickle.UnpicklingError, TypeError, RuntimeError, OSError, EOFError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RaybenchError(
            f"{path} is no state of a training: {reason}; remove it to go on from the one before"
        ) from None
    if state.format != FORMAT:
        raise RaybenchError(f"{path} was written by another version of raybench (format {state.format})")
    return state


def refuse_other_recipe(state: TrainingState, recipe: Recipe, folder: Path) -> None:
    """Refuse to go on from a state by a recipe that would have led elsewhere.

    Raises:
        RaybenchError: names the first key that differs, the architecture first of all.
    """
    now = recipe.model_dump(mode="json")
    before = state.recipe
    keys = sorted(now.keys() | before.keys(), key=lambda key: (key != "architecture", key))
    for key in keys:
        if key not in _FREE and now.get(key) != before.get(key):
            raise RaybenchError(
                f"{folder} holds a training with {key}: {before.get(key)}, not {key}: {now.get(key)}; "
                "go on with its own recipe, or choose another --out"
            )


def write_file(path: Path, write: Any) -> None:
    """Let `write(file)` fill a file that is there whole or not at all.

    Raises:
        RaybenchError: the disk is full or not writable; the old file, if any, stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save wraps what the disk says
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _disk_error(path, error) from None


def _states(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.pt"))


def _disk_error(path: Path, error: BaseException) -> RaybenchError:
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, OSError):
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, OSError) and seen.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None):
        return RaybenchError(f"cannot write {path}: {(seen.strerror or str(seen)).lower()}")
    return RaybenchError(
        f"no space left on disk while writing {path}; the states written before are kept: {FULL_DISK}"
    )
