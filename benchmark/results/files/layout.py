"""What may be in a bundle: names of files, and how large they may be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

BUNDLE_MANIFEST = "bundle.json"
"""Names every other file of the bundle, with its SHA-256."""

MAX_BUNDLE_BYTES = 100_000_000
"""Of the bundle itself: what GitHub takes as one file."""

MAX_FILES = 2000
MAX_TOTAL_BYTES = 1_500_000_000
"""Of all files, unpacked."""

MAX_RATIO = 200
"""Unpacked size over packed size, of files above a megabyte; records of real runs stay below 60."""

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9_.+-]{0,78}[A-Za-z0-9_+-])?"
_LIMITS = {
    BUNDLE_MANIFEST: 1_000_000,
    "run.json": 16_000_000,
    "summary.csv": 16_000_000,
    rf"cards/{_PART}\.yaml": 64_000,
    rf"{_PART}/predictions\.csv": 64_000_000,
    rf"{_PART}/{_PART}/records\.csv": 64_000_000,
    rf"{_PART}/{_PART}/statistics\.csv": 256_000_000,
    rf"{_PART}/{_PART}/curves\.csv": 256_000_000,
}


def size_limit(name: str) -> int | None:
    """Return how many bytes the file `name` may hold, or None if no bundle may hold a file of that name."""
    found = (limit for pattern, limit in _LIMITS.items() if re.fullmatch(pattern, name))
    return next(found, None)


def is_known_name(name: str) -> bool:
    """Say whether a bundle may hold a file of this name: relative, without `..`, of a known kind."""
    return size_limit(name) is not None


def is_plain_name(name: str) -> bool:
    """Say whether a checkpoint or attribution may be called so: it is a folder's name on every system."""
    return re.fullmatch(_PART, name) is not None


def records_file(checkpoint: str, attribution: str) -> str:
    """Name of the records of one row of the comparison."""
    return f"{checkpoint}/{attribution}/records.csv"


def lists_file(checkpoint: str, attribution: str, name: str) -> str:
    """Name of a row's statistics.csv or curves.csv."""
    return f"{checkpoint}/{attribution}/{name}"


def predictions_file(checkpoint: str) -> str:
    """Name of the predictions of a checkpoint."""
    return f"{checkpoint}/predictions.csv"


def card_file(checkpoint: str) -> str:
    """Name of the card of a checkpoint."""
    return f"cards/{checkpoint}.yaml"


def collisions(names: Iterable[str]) -> list[str]:
    """Return the names that would be one file where capital letters do not count; the second of each pair."""
    seen: Counter[str] = Counter()
    twice = []
    for name in names:
        seen[name.casefold()] += 1
        if seen[name.casefold()] > 1:
            twice.append(name)
    return twice
