"""Backward rules for transformers: relevance as the input times a gradient that is put right call by call.

A gradient that is multiplied by a call's output is relevance, and is handed down as such where

- an activation f hands down f(x) / x, so that what came to its output arrives at its input;
- a normalisation counts its deviation as a constant;
- each of two factors, of attention's matrix products and of gates, takes one half.

A softmax hands down its gradient, or nothing. Linear calls hand down theirs, which is the rule of epsilon
where that is zero, or go by a rule of relevance.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...layers.attention import AttentionCapture
from . import calls
from .backward_rules import Rules, Table, rows
from .linear_rules import LinearCall, LinearRule, multipliers_down
from .multipliers import HandDown, replaced, taken_apart


def unfolded(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute attention in plain steps, each by its own rule."""
    with rules, AttentionCapture():
        return func(*args, **kwargs)


def activated(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hand down f(x) / x through a function of single numbers that keeps zero."""
    inputs, others, options = taken_apart(args, kwargs)
    if not inputs.requires_grad:
        return func(*args, **kwargs)

    def rule(result: Tensor, before: Tensor) -> HandDown:
        share = torch.where(before == 0, 0, result / before)
        return lambda received: (received * share,)

    return replaced(lambda given: func(given, *others, **options), rule, inputs)


_LAYER_NORM = ("input", "normalized_shape", "weight", "bias", "eps")


def normalised(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hand down by the gradient in which a row's deviation is a constant."""
    named = dict(zip(_LAYER_NORM, args, strict=False)) | kwargs
    inputs, epsilon = named["input"], named.get("eps", 1e-5)
    if not inputs.requires_grad:
        return func(*args, **kwargs)
    dims = tuple(range(-len(named["normalized_shape"]), 0))
    centred = inputs - inputs.mean(dims, keepdim=True)
    result = centred * (centred.detach().square().mean(dims, keepdim=True) + epsilon).rsqrt()
    if named.get("weight") is not None:
        result = result * named["weight"]
    return result if named.get("bias") is None else result + named["bias"]


_IN_PLACE = (Tensor.mul_, Tensor.__imul__)


def halved(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hand down one half to each of two factors that depend on the image."""
    flowing = [isinstance(one, Tensor) and one.requires_grad for one in args]
    if sum(flowing) != 2:
        return func(*args, **kwargs)
    factors = [_by_half(one) if flows else one for one, flows in zip(args, flowing, strict=True)]
    if func in _IN_PLACE:
        return args[0].copy_(factors[0] * factors[1])
    return func(*factors, **kwargs)


def _by_half(tensor: Tensor) -> Tensor:
    """Return the same tensor, to which one half of what it receives is handed."""
    half = tensor / 2
    return half + half.detach()


def constant(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hand down nothing."""
    return func(*args, **kwargs).detach()


def by_linear_rule(rule: LinearRule) -> Any:
    """Hand down through a convolution or a linear layer by a rule of relevance."""

    def ruled(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        named = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
        inputs, weight, bias = named.pop("input"), named.pop("weight"), named.pop("bias", None)
        if not inputs.requires_grad:
            return func(*args, **kwargs)
        return multipliers_down(inputs, LinearCall(func, weight, bias, args[3:], named), rule)

    return ruled


def attention_rules(*, softmax: bool, convolution: LinearRule | None, linear: LinearRule | None) -> Table:
    """Return a table for transformers.

    Args:
        softmax: whether what attention looks at takes relevance, and not only what it finds.
        convolution: of relevance, through convolutions; None for the gradient.
        linear: likewise, through linear layers.
    """
    table = {
        **rows((F.scaled_dot_product_attention, F.multi_head_attention_forward), unfolded),
        **rows((*calls.MATRIX_PRODUCTS, *calls.PRODUCTS), halved),
        **rows((*calls.RELUS, *calls.ACTIVATIONS_THROUGH_ZERO), activated),
        **rows((F.layer_norm,), normalised),
    }
    if not softmax:
        table |= rows(calls.SOFTMAXES, constant)
    if convolution is not None:
        table |= rows(calls.CONVOLUTIONS, by_linear_rule(convolution))
    if linear is not None:
        table |= rows((F.linear,), by_linear_rule(linear))
    return table
