"""Seeds that depend on what they are for alone, so that no draw depends on how many were made before."""

from __future__ import annotations

import hashlib


def seed_for(*purpose: int | str) -> int:
    """Return a seed below 2**63 for a purpose, such as `(suite.seed, image_id, class_index)`.

    Draws for one purpose never depend on how many were made for others: a run that was stopped, or that has
    other processes, draws the same.
    """
    digest = hashlib.blake2b("/".join(map(str, purpose)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
