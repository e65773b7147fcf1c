"""Lets methods derive what they need of a network before processes are forked, which then share it."""

from __future__ import annotations

import contextlib

import torch

from ...attributions import computing_in, forget_trials
from ...checkpoints import Network
from ..measuring import Pass

__all__ = ["rehearse"]

_BLANK = 224
"""Height and width of the picture to rehearse on: enough for every layer to go the way of larger ones."""


def rehearse(work: Pass, network: Network) -> None:
    """Run raybench's own methods of a pass on a blank picture, inside `weights_fixed`.

    Processes that are forked afterwards share what methods derive from the network's weights; else each would
    keep some hundred megabytes of its own. Nothing else is kept: what a blank picture says about the network,
    or that a method fails on it, need not hold for pictures of another size. Methods of others see the
    pictures of the dataset and nothing else.
    """
    if torch.accelerator.is_available():
        return  # once backward has run beside an accelerator, torch refuses it in forked processes
    pixels = torch.zeros(1, 3, _BLANK, _BLANK).contiguous(memory_format=torch.channels_last)
    query = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad(), computing_in(work.protocol.precision):
        for job in work.jobs:
            method = job.attribution.attribution
            if method.kind == "network" and method.function.__module__.startswith("raybench."):
                with contextlib.suppress(Exception):
                    job.attribution(network, pixels, query, query)
    forget_trials(network.module)
