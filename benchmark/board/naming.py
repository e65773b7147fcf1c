"""Names that strangers chose, for URLs, HTML ids and file names, and short enough to print."""

from __future__ import annotations

import hashlib
import re

_OTHER = re.compile(r"[^a-z0-9]+")
_LONGEST = 48


def safe_key(*names: str) -> str:
    """Return a key of `[a-z0-9-]+` for a tuple of names, different for different tuples.

    Names that only need lower case and hyphens keep their looks; others get a hash behind what is left.
    """
    parts = [_OTHER.sub("-", name.lower()).strip("-")[:_LONGEST] for name in names]
    key = "-".join(part for part in parts if part)
    if all(re.fullmatch(r"[a-z0-9]+([-_.][a-z0-9]+)*", name) and len(name) <= _LONGEST for name in names):
        return key
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return f"{key or 'x'}-{hashlib.sha256(text).hexdigest()[:8]}"


def architecture_name(architecture: str) -> str:
    """Return the last part of an architecture's name: of `package.module:function`, the function."""
    return architecture.rpartition(":")[2]
