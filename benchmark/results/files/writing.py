"""Writes files so that they are there whole or not at all, and says what they hold."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ....base import RaybenchError


@dataclass(frozen=True)
class Content:
    """What a file holds: its rows, and the SHA-256 of its bytes, empty where nobody took it down."""

    rows: int = 0
    sha256: str = ""

    @classmethod
    def of(cls, content: str | bytes, rows: int = 0) -> Content:
        """Take down a file, whose lines may come to end in another way later."""
        data = content.encode() if isinstance(content, str) else content
        return cls(rows, hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest())


_GO_ON = "run the same command again to go on"


def write_atomically(path: Path, content: str | bytes, go_on: str = _GO_ON) -> None:
    """Write a file, text as UTF-8, so that it is there whole or not at all.

    Args:
        path: of the file.
        content: of the file.
        go_on: what the message of a full disk says is to be done when there is space again.

    Raises:
        RaybenchError: the disk is full or not writable; the old file, if any, stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error, go_on) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, content: str, rows: int = 0) -> Content:
    """Write a file as `write_atomically` does, and say what it holds."""
    write_atomically(path, content)
    return Content.of(content, rows)


def _sync_folder(folder: Path) -> None:
    """Have a name that was just given outlive a loss of power, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def set_aside(path: Path) -> None:
    """Rename a damaged file, so that its rows are measured again and nothing that is in it is lost.

    Raises:
        RaybenchError: it cannot be renamed.
    """
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error(path, error) from None


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes; usually one call, more only when the disk is nearly full or a signal comes."""
    while data:
        data = data[os.write(descriptor, data) :]


def disk_error(path: Path, error: OSError, go_on: str = _GO_ON) -> RaybenchError:
    """Word why `path` cannot be written, and what to do if the disk is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RaybenchError(
            f"no space left on disk while writing {path}; what was written so far is kept: "
            f"free some space and {go_on}"
        )
    return RaybenchError(f"cannot write {path}: {(error.strerror or str(error)).lower()}")
