"""Where downloaded weights are kept, and the hashes that they are pinned to."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from filelock import FileLock

from ...base import RaybenchError


def cache_folder() -> Path:
    """Folder of downloaded weights: `$RAYBENCH_CACHE`, or the platform's folder for caches."""
    if chosen := os.environ.get("RAYBENCH_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        base = Path("~/Library/Caches")
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return base.expanduser() / "raybench"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(1 << 20))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def pinned_sha256(address: str, sha256: str) -> str:
    """Return the hash that an address is pinned to; pin it to `sha256` if this is its first use.

    Pins stand in `weights.lock.json` in the cache folder: `{address: sha256}`.

    Raises:
        RaybenchError: the lock file is damaged, or cannot be written.
    """
    path = cache_folder() / "weights.lock.json"
    try:
        with FileLock(path.with_suffix(".lock")):
            pins = _read_pins(path)
            if address not in pins:
                pins[address] = sha256
                _replace_text(path, json.dumps(pins, indent=2, sort_keys=True) + "\n")
            return pins[address]
    except OSError as error:
        raise RaybenchError(
            f"cannot pin {address} in {path}: {(error.strerror or str(error)).lower()}"
        ) from None


def _replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader finds either the old text or the new one, whole."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_pins(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        pins = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        pins = None
    if not isinstance(pins, dict) or not all(isinstance(pin, str) for pin in pins.values()):
        raise RaybenchError(f"the lock file {path} is damaged; mend it, or delete it to pin all weights anew")
    return pins
