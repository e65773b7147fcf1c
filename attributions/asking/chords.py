"""Backward rules that hand down the slope between two pictures, in place of the slope at one.

A network runs on rows of pictures and, behind them, as many rows of what they are compared with. The first
half is handed multipliers: those of a call's inputs, times how far the two rows differ there, add up to those
of its outputs, times how far they differ there. Linear calls do that by their gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import calls
from .backward_rules import Rules, Table, refused, rows

__all__ = ["CHORDS"]

_SAME = 1e-7
"""Inputs that differ by less have no chord: the gradient stands for it."""

HandDown = Callable[[Tensor], tuple[Tensor, ...]]
"""Takes the multipliers of the outputs, of the first half of the rows, and returns those of each input."""


class _Compared(torch.autograd.Function):
    """A call whose backward pass is made from what it computed for both halves of the rows."""

    @staticmethod
    def forward(
        ctx: Any,
        call: Callable[..., Tensor],
        rule: Callable[..., HandDown],
        *inputs: Tensor,
    ) -> Tensor:
        before = [one.clone() for one in inputs]  # the call may work in place
        result = call(*inputs)
        if result is inputs[0]:
            ctx.mark_dirty(inputs[0])
        ctx.hand_down = rule(result, *before)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor | None, ...]:
        handed = ctx.hand_down(received.chunk(2)[0])
        return None, None, *(torch.cat([one, torch.zeros_like(one)]) for one in handed)


def _elementwise(call: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Hand down through a function of single numbers by its chord (y - y0) / (x - x0)."""

    def rule(result: Tensor, inputs: Tensor) -> HandDown:
        first, second = inputs.chunk(2)
        with torch.enable_grad():
            leaf = first.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(call(leaf.clone()).sum(), leaf)
        apart = first - second
        above, below = result.detach().chunk(2)
        slope = torch.where(apart.abs() < _SAME, slope, (above - below) / apart)
        return lambda received: (received * slope,)

    def compared(inputs: Tensor) -> Tensor:
        found: Tensor = _Compared.apply(call, rule, inputs)
        return found

    return compared


def _product(call: Callable[[Tensor, Tensor], Tensor], first: Tensor, second: Tensor) -> Tensor:
    """Hand down to each of two factors by the mean that the other has in both halves."""

    def rule(_result: Tensor, one: Tensor, other: Tensor) -> HandDown:
        shapes = [factor.chunk(2)[0].shape for factor in (one, other)]
        means = [sum(factor.chunk(2)) / 2 for factor in (other, one)]
        return lambda received: tuple(
            (received * mean).sum_to_size(shape) for mean, shape in zip(means, shapes, strict=True)
        )

    found: Tensor = _Compared.apply(call, rule, first, second)
    return found


def elementwise(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compare what a function of single numbers gives."""
    options = dict(kwargs)
    inputs, others = (args[0], args[1:]) if args else (options.pop("input"), ())
    if not inputs.requires_grad:
        return func(*args, **kwargs)
    return _elementwise(lambda given: func(given, *others, **options))(inputs)


def multiplied(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compare what a product of two signals gives; a constant factor is a weight."""
    flowing = [one for one in args if isinstance(one, Tensor) and one.requires_grad]
    if len(flowing) != 2 or len(flowing[0]) != len(flowing[1]):
        return func(*args, **kwargs)
    return _product(lambda first, second: func(first, second, **kwargs), *flowing)


_LAYER_NORM = ("input", "normalized_shape", "weight", "bias", "eps")


def normalised(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compare, step by step, what a normalisation by a row's own mean and deviation gives."""
    named = dict(zip(_LAYER_NORM, args, strict=False)) | kwargs
    inputs, epsilon = named["input"], named.get("eps", 1e-5)
    if not inputs.requires_grad:
        return func(*args, **kwargs)
    dims = tuple(range(-len(named["normalized_shape"]), 0))
    centred = inputs - inputs.mean(dims, keepdim=True)
    variance = _elementwise(torch.square)(centred).mean(dims, keepdim=True)
    scale = _elementwise(lambda given: (given + epsilon).rsqrt())(variance)
    result = _product(torch.mul, centred, scale)
    if named.get("weight") is not None:
        result = result * named["weight"]
    return result if named.get("bias") is None else result + named["bias"]


def winning(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compare what a pooling that takes the largest gives.

    Where the picture's largest exceeds that of the other, the difference goes to the place of the first;
    where it falls short, to the place of the second.
    """
    options = dict(kwargs)
    inputs, others = (args[0], args[1:]) if args else (options.pop("input"), ())
    if not inputs.requires_grad or options.get("return_indices"):
        return func(*args, **kwargs)

    def rule(result: Tensor, inputs: Tensor) -> HandDown:
        places = func(inputs, *others, **{**options, "return_indices": True})[1]
        own, other = places.flatten(2).chunk(2)
        above, below = result.detach().flatten(2).chunk(2)
        first, second = inputs.flatten(2).chunk(2)
        place = torch.where(above >= below, own, other)
        apart = (first - second).gather(2, place)
        share = torch.where(apart.abs() < _SAME, 0, (above - below) / apart)

        def hand_down(received: Tensor) -> tuple[Tensor, ...]:
            flow = received.flatten(2) * share
            return (torch.zeros_like(first).scatter_add_(2, place, flow).view_as(inputs.chunk(2)[0]),)

        return hand_down

    return _Compared.apply(lambda given: func(given, *others, **options), rule, inputs)


CHORDS: Table = {
    **rows((*calls.RELUS, *calls.ACTIVATIONS), elementwise),
    **rows(calls.MAXIMA, winning),
    **rows(calls.PRODUCTS, multiplied),
    **rows((F.layer_norm,), normalised),
    **rows(calls.ATTENTION, refused),
}
"""For functions of single numbers, largest ones, products, and normalisation; other calls count as linear."""
