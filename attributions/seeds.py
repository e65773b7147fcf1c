"""Random numbers of a method: the same for every class, batch, order, process and device."""

from __future__ import annotations

import torch

from ..base import seed_for


def generator(seed: int, purpose: str, index: int) -> torch.Generator:
    """Return the generator of one sample, such as the noise or the mask number `index` of an image.

    One generator per sample: a stream of normal numbers that is cut into other pieces gives other numbers, so
    that maps would depend on how many samples go through the network at once. Draw float32 and on the CPU,
    whose numbers a GPU's generators do not reproduce, and move what was drawn.

    Args:
        seed: of the image, one of the `seeds` that a seeded method is given.
        purpose: what the numbers are for, such as `noise`; methods that name the same share them.
        index: of the sample, from 0.
    """
    return torch.Generator().manual_seed(seed_for(seed, purpose, index))
