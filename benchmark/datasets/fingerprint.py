"""One hash for the content of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint_of(parts: Iterable[bytes | str]) -> str:
    """SHA-256 over the parts in their order, each preceded by its length: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def fingerprint_of_files(labelled: Iterable[tuple[str, Path | None]]) -> str:
    """SHA-256 over labels and the content of their files; a file that is missing counts as empty."""
    return fingerprint_of(part for label, path in labelled for part in (label, _content(path)))


def _content(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path else b""
    except OSError:  # reported when the sample is read
        return b""
