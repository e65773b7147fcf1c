"""Random numbers that depend on what they are for, so that no state has to be kept to go on where one was."""

from __future__ import annotations

import hashlib

import torch

__all__ = ["generator_for", "seed_for"]


def seed_for(*purpose: int | str) -> int:
    """Return a seed below 2**63 for a purpose, such as `(recipe.seed, "crop", epoch, index)`.

    Draws for one purpose never depend on how many were made for others: a run that was stopped, or that has
    other loader processes, sees the same pictures in the same crops.
    """
    digest = hashlib.blake2b("/".join(map(str, purpose)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_for(*purpose: int | str) -> torch.Generator:
    """Return a fresh generator on the CPU, seeded by `seed_for`."""
    return torch.Generator().manual_seed(seed_for(*purpose))
