"""The full state of a training on disk: written whole or not at all, and read without running code."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...base import RaybenchError

__all__ = [
    "FULL_DISK",
    "DamagedStateError",
    "TrainingState",
    "load_state",
    "prepare_folder",
    "save_state",
    "states_in",
    "write_file",
    "write_text",
]

KEPT = 2
FORMAT = 2
FULL_DISK = "free some space and add --resume to go on"


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
    write_file(path, lambda file: torch.save(asdict(state), file))
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
    write_text(folder / ".writable", "")
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


def write_text(path: Path, text: str) -> None:
    """Write a text file that is there whole or not at all; see `write_file`."""
    write_file(path, lambda file: file.write(text.encode()))


def write_file(path: Path, write: Any) -> None:
    """Let `write(file)` fill a file that is there whole or not at all.

    Raises:
        RaybenchError: the disk is full or not writable; the old file, if any, stays.
        KeyboardInterrupt: the user stopped it while it wrote; the old file stays too.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save wraps what the disk says, and an interrupt
        for cause in _causes(error):
            if isinstance(cause, KeyboardInterrupt):
                raise cause from None
        raise _disk_error(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it was raised from, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _disk_error(path: Path, error: BaseException) -> RaybenchError:
    seen = next((cause for cause in _causes(error) if isinstance(cause, OSError)), None)
    if seen is not None and seen.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None):
        return RaybenchError(f"cannot write {path}: {(seen.strerror or str(seen)).lower()}")
    return RaybenchError(
        f"no space left on disk while writing {path}; the states written before are kept: {FULL_DISK}"
    )
