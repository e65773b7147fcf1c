"""The optimiser, and its learning rate as a function of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..recipe.recipe import Optimisation

_START_DIVISOR, _END_DIVISOR = 25.0, 1e4
"""`one_cycle` begins at a 25th of the highest rate and ends at a 10,000th of that."""


def make_optimiser(choice: Optimisation, module: nn.Module) -> torch.optim.SGD:
    """Make the optimiser of a recipe for all parameters of a module."""
    return torch.optim.SGD(
        module.parameters(),
        choice.learning_rate,
        momentum=choice.momentum,
        weight_decay=choice.weight_decay,
        nesterov=choice.nesterov,
    )


def learning_rate(choice: Optimisation, step: int, steps_per_epoch: int) -> float:
    """Return the rate of the step number `step`, counted from 0; it depends on nothing else.

    `one_cycle` is the schedule of `torch.optim.lr_scheduler.OneCycleLR`.
    """
    if choice.schedule == "steps":
        passed = sum(step >= milestone * steps_per_epoch for milestone in choice.milestones)
        return float(choice.learning_rate * 0.1**passed)
    first, highest = choice.learning_rate / _START_DIVISOR, choice.learning_rate
    last = first / _END_DIVISOR
    total = choice.epochs * steps_per_epoch
    top = choice.warm_up * total - 1
    if step < top:
        return _cosine(first, highest, step / top)
    return _cosine(highest, last, (step - top) / (total - 1 - top))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give all parameters this rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def _cosine(start: float, end: float, share: float) -> float:
    """Go from start to end along half a cosine; `share` runs from 0 to 1."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
