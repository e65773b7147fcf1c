"""Random numbers that depend on what they are for alone: on no other draw, batch, process or device."""

from __future__ import annotations

import torch

from ..base import seed_for


def generator(*purpose: int | str) -> torch.Generator:
    """Return a fresh generator on the CPU for a purpose, such as `(seed, "noise", 3)`; see `seed_for`.

    Methods take one for each sample, such as a mask of an image: a stream of normal numbers that is cut into
    other pieces gives other numbers, so that maps would depend on how many samples go through the network at
    once. Draw float32, and move what was drawn: a GPU's generators have other numbers.
    """
    return torch.Generator().manual_seed(seed_for(*purpose))
