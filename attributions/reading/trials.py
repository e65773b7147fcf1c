"""Whether a method is defined for a network, found out on a picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...base import RaybenchError
from ..interface import NetworkLike
from .watching import undisturbed

_SIDES = (96, 224)
"""Height and width of the pictures that a network is tried on: a small one, and what transformers want."""


def tried(network: NetworkLike, trial: Callable[[Tensor], object]) -> None:
    """Try something on a blank picture (1, 3, H, W) of a size that a network takes, if one of two is such.

    Raises:
        RaybenchError: the trial does.
    """
    like = next(network.module.parameters(), torch.zeros(()))
    sizes = [network.input_size] if network.input_size else [(side, side) for side in _SIDES]
    for size in sizes:
        with undisturbed(network.module):
            try:
                trial(like.new_zeros((1, 3, *size)))
            except (RaybenchError, torch.OutOfMemoryError):
                raise
            except Exception:  # it may want pictures of another size
                continue
            return
