"""Random generators that depend on what they are for, so that no state has to be kept to go on."""

from __future__ import annotations

import torch

from ...base import seed_for

__all__ = ["generator_for"]


def generator_for(*purpose: int | str) -> torch.Generator:
    """Return a fresh generator on the CPU, seeded by `seed_for`."""
    return torch.Generator().manual_seed(seed_for(*purpose))
