"""Calls that hand down multipliers, as a gradient does, other than their gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

HandDown = Callable[[Tensor], tuple[Tensor, ...]]
"""Takes the multipliers of a call's outputs, and returns those of each of its inputs."""


def replaced(call: Callable[..., Tensor], rule: Callable[..., HandDown], *inputs: Tensor) -> Tensor:
    """Make a call, and hand down by a rule when the backward pass comes by.

    Args:
        call: takes the inputs; may work in place on the first.
        rule: takes what the call returned and copies of the inputs.
        *inputs: that the result depends on.
    """
    result: Tensor = _Replaced.apply(call, rule, *inputs)
    return result


class _Replaced(torch.autograd.Function):
    """A call whose backward pass was made by a rule when it was called."""

    @staticmethod
    def forward(
        ctx: Any, call: Callable[..., Tensor], rule: Callable[..., HandDown], *inputs: Tensor
    ) -> Tensor:
        before = [one.clone() for one in inputs]
        result = call(*inputs)
        if result is inputs[0]:
            ctx.mark_dirty(inputs[0])
        ctx.hand_down = rule(result.detach(), *before)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *ctx.hand_down(received)


def taken_apart(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, tuple[Any, ...], dict[str, Any]]:
    """Return the input of a call, its other arguments and those by keyword."""
    options = dict(kwargs)
    return (args[0], args[1:], options) if args else (options.pop("input"), (), options)
