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

from . import calls
from .backward_rules import Rules, Table, refused, rows
from .multipliers import HandDown, replaced, taken_apart

_SAME = 1e-7
"""Inputs that differ by less have no chord: the gradient stands for it."""


def _to_first_half(hand_down: HandDown) -> HandDown:
    """Hand down to the first half of the rows what it received."""

    def handed(received: Tensor) -> tuple[Tensor, ...]:
        first = hand_down(received.chunk(2)[0])
        return tuple(torch.cat([one, torch.zeros_like(one)]) for one in first)

    return handed


def _elementwise(call: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Hand down through a function of single numbers by its chord (y - y0) / (x - x0)."""

    def rule(result: Tensor, before: Tensor) -> HandDown:
        first, second = before.chunk(2)
        with torch.enable_grad():
            leaf = first.clone().requires_grad_()
            (slope,) = torch.autograd.grad(call(leaf.clone()).sum(), leaf)
        above, below = result.chunk(2)
        apart = first - second
        slope = torch.where(apart.abs() < _SAME, slope, (above - below) / apart)
        return _to_first_half(lambda received: (received * slope,))

    return replaced(call, rule, inputs)


def _product(call: Callable[[Tensor, Tensor], Tensor], first: Tensor, second: Tensor) -> Tensor:
    """Hand down to each of two factors by the mean that the other has in both halves."""

    def rule(_result: Tensor, *factors: Tensor) -> HandDown:
        halves = [factor.chunk(2) for factor in factors]
        means = [(own + other) / 2 for own, other in reversed(halves)]
        return _to_first_half(
            lambda received: tuple(
                (received * mean).sum_to_size(own.shape) for mean, (own, _) in zip(means, halves, strict=True)
            )
        )

    return replaced(call, rule, first, second)


def elementwise(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compare what a function of single numbers gives."""
    inputs, others, options = taken_apart(args, kwargs)
    if not inputs.requires_grad:
        return func(*args, **kwargs)
    return _elementwise(lambda given: func(given, *others, **options), inputs)


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
    variance = _elementwise(torch.square, centred).mean(dims, keepdim=True)
    scale = _elementwise(lambda given: (given + epsilon).rsqrt(), variance)
    result = _product(torch.mul, centred, scale)
    if named.get("weight") is not None:
        result = result * named["weight"]
    return result if named.get("bias") is None else result + named["bias"]


def winning(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compare what a pooling that takes the largest gives.

    Where the picture's largest exceeds that of the other, the difference goes to the place of the first;
    where it falls short, to the place of the second.
    """
    inputs, others, options = taken_apart(args, kwargs)
    if not inputs.requires_grad or options.get("return_indices"):
        return func(*args, **kwargs)

    def rule(result: Tensor, before: Tensor) -> HandDown:
        places = func(before, *others, **{**options, "return_indices": True})[1]
        own, other = places.flatten(2).chunk(2)
        above, below = result.flatten(2).chunk(2)
        first, second = before.flatten(2).chunk(2)
        place = torch.where(above >= below, own, other)
        apart = (first - second).gather(2, place)
        share = torch.where(apart.abs() < _SAME, 0, (above - below) / apart)
        shape = before.chunk(2)[0].shape

        def hand_down(received: Tensor) -> tuple[Tensor, ...]:
            flow = received.flatten(2) * share
            handed = flow.new_zeros(shape).flatten(2).scatter_add_(2, place, flow)
            return (handed.view(shape),)

        return _to_first_half(hand_down)

    return replaced(lambda given: func(given, *others, **options), rule, inputs)


CHORDS: Table = {
    **rows((*calls.RELUS, *calls.ACTIVATIONS), elementwise),
    **rows(calls.MAXIMA, winning),
    **rows(calls.PRODUCTS, multiplied),
    **rows((F.layer_norm,), normalised),
    **rows(calls.ATTENTION, refused),
}
"""For functions of single numbers, largest ones, products, and normalisation; other calls count as linear."""
