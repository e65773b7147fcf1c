"""Excitation backprop's backward rules, put in place of the calls that an unmodified network makes.

What flows back is not a gradient but a share of the winner: each unit hands what it received to the units
that excited it, in proportion to what they contributed. Four rules do this for all layers:

| call | rule |
|---|---|
| convolution, linear, average pooling | share in proportion to input x positive weight |
| sum of two branches | share in proportion to the summands |
| activation | pass on where the output is positive, whatever the slope |
| normalisation, scaling by a constant or a gate | pass on |

Any other call (max pooling, ReLU, reshaping, concatenation, ...) routes what it receives by its gradient.

Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, for the first rule; sums
and batch normalisation are treated as TorchRay's `update_resnet` and backward context do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

__all__ = ["ExcitationRules", "LinearCall"]

_SMALLEST = 1e-20
"""Excitations up to this count as none: nobody excited the unit, and what it received ends there."""


@dataclass
class LinearCall:
    """A call that is linear in its input: convolution and the like with weights, or pooling without.

    Attributes:
        function: takes the input, the weight and bias if there are any, and the other arguments.
        weight: None for pooling.
        negated: share by the opposite of the weights, as for the contrast of a class.
    """

    function: Callable[..., Tensor]
    weight: Tensor | None = None
    bias: Tensor | None = None
    others: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    negated: bool = False

    def __call__(self, inputs: Tensor) -> Tensor:
        """Compute what the network computes."""
        if self.weight is None:
            return self.function(inputs, *self.others, **self.options)
        return self.function(inputs, self.weight, self.bias, *self.others, **self.options)

    def excitation(self, inputs: Tensor) -> Tensor:
        """Compute the same with positive weights only and no bias."""
        if self.weight is None:
            return self.function(inputs, *self.others, **self.options)
        weight = self.weight.detach().to(inputs.dtype)
        positive = (-weight if self.negated else weight).clamp(min=0)
        return self.function(inputs, positive, None, *self.others, **self.options)


class ExcitationRules(TorchFunctionMode):
    """While entered, calls on tensors that require gradients are recorded with excitation backprop's rules.

    Run the forward pass inside and `torch.autograd.grad` outside. Values computed are unchanged.

    Attributes:
        last: the last call with weights, that is the classifier once the forward pass is over.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last: LinearCall | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace the call if there is a rule for it."""
        rule = _RULES.get(func)
        if rule is None or not torch.is_grad_enabled():
            return func(*args, **(kwargs or {}))
        return rule(self, func, args, kwargs or {})


class _Share(torch.autograd.Function):
    """p'_j = x_j sum_i w+_ij p_i / sum_k w+_ik x_k, with x clamped at zero."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, call: LinearCall) -> Tensor:
        ctx.save_for_backward(inputs)
        ctx.call = call
        ctx.excited = {}
        return call(inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None]:
        (inputs,) = ctx.saved_tensors
        precise = torch.promote_types(inputs.dtype, torch.float32)
        with torch.autocast(inputs.device.type, enabled=False), torch.enable_grad():
            # the same for every class of an image: only the first backward pass pays for it
            if ctx.call.negated not in ctx.excited:
                positive = inputs.detach().to(precise).clamp(min=0).requires_grad_()
                excitation = ctx.call.excitation(positive)
                # not merely a small term added: a unit without excitation must not send a rounding error
                ctx.excited[ctx.call.negated] = positive, excitation, excitation.detach() <= _SMALLEST
            positive, excitation, silent = ctx.excited[ctx.call.negated]
            flow = (received.to(precise) / excitation.detach()).masked_fill_(silent, 0)
            (shares,) = torch.autograd.grad(excitation, positive, flow, retain_graph=True)
        return shares.mul_(positive.detach()).to(inputs.dtype), None


class _Split(torch.autograd.Function):
    """p_a = a p / (a + b) and p_b = b p / (a + b), for a sum of two branches."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, add: Callable[..., Tensor], scale: float) -> Tensor:
        before = first.clone()
        result = add(first, second)
        if result is first:
            ctx.mark_dirty(first)
        ctx.save_for_backward(before, second)
        ctx.scale = scale
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, Tensor, None, None]:
        first, second = ctx.saved_tensors
        second = second * ctx.scale
        total = first + second
        flow = (received / total).masked_fill_(total == 0, 0)
        return flow * first, flow * second, None, None


class _Pass(torch.autograd.Function):
    """p' = p, or only where the output is positive; summed over whatever was broadcast."""

    @staticmethod
    def forward(ctx: Any, signal: Tensor, call: Callable[[Tensor], Tensor], active_only: bool) -> Tensor:
        ctx.shape = signal.shape
        result = call(signal)
        ctx.active = result > 0 if active_only else None
        if result is signal:
            ctx.mark_dirty(signal)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None, None]:
        passed = received if ctx.active is None else received * ctx.active
        return passed.sum_to_size(ctx.shape), None, None


def _weighted(rules: ExcitationRules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    named = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
    inputs, weight, bias = named.pop("input"), named.pop("weight"), named.pop("bias", None)
    if not inputs.requires_grad:
        return func(*args, **kwargs)
    rules.last = LinearCall(func, weight, bias, args[3:], named)
    return _Share.apply(inputs, rules.last)


def _pooled(_rules: ExcitationRules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    options = dict(kwargs)
    inputs, others = (args[0], args[1:]) if args else (options.pop("input"), ())
    if not inputs.requires_grad:
        return func(*args, **kwargs)
    return _Share.apply(inputs, LinearCall(func, others=others, options=options))


def _averaged(rules: ExcitationRules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Treat a mean over the last two dimensions of feature maps as the global average pooling that it is."""
    dims = args[1] if len(args) > 1 else kwargs.get("dim")
    is_maps = bool(args) and args[0].ndim == 4
    if is_maps and isinstance(dims, (tuple, list)) and sorted(dim % 4 for dim in dims) == [2, 3]:
        return _pooled(rules, func, args, kwargs)
    return func(*args, **kwargs)


def _summed(_rules: ExcitationRules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Split between two branches; a bias (a parameter, or smaller than the other summand) takes no share."""
    branches = len(args) == 2 and all(isinstance(a, Tensor) and not isinstance(a, nn.Parameter) for a in args)
    if not branches or args[0].shape != args[1].shape or not (args[0].requires_grad or args[1].requires_grad):
        return func(*args, **kwargs)
    scale = kwargs.get("alpha", 1)
    return _Split.apply(*args, lambda first, second: func(first, second, **kwargs), scale)


def _scaled(_rules: ExcitationRules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Pass on to the larger of two factors; the other is its gate, a constant like any weight."""
    flowing = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
    if len(args) != 2 or not flowing or isinstance(args[flowing[0]], nn.Parameter):
        return func(*args, **kwargs)
    signal = max(flowing, key=lambda i: args[i].numel())  # the first of two equals
    other = args[1 - signal]
    other = other.detach() if isinstance(other, Tensor) else other

    def call(inputs: Tensor) -> Tensor:
        result: Tensor = func(inputs, other, **kwargs) if signal == 0 else func(other, inputs, **kwargs)
        return result

    return _Pass.apply(args[signal], call, False)


def _passed(*, active_only: bool) -> Callable[..., Any]:
    def rule(_rules: ExcitationRules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        options = dict(kwargs)
        inputs, others = (args[0], args[1:]) if args else (options.pop("input"), ())
        if not inputs.requires_grad:
            return func(*args, **kwargs)
        return _Pass.apply(inputs, lambda signal: func(signal, *others, **options), active_only)

    return rule


_CALLS: dict[Callable[..., Any], tuple[Any, ...]] = {
    _weighted: (F.conv1d, F.conv2d, F.conv3d, F.linear),
    _pooled: (
        *(F.avg_pool1d, F.avg_pool2d, F.avg_pool3d),
        *(F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
    ),
    _averaged: (torch.mean, Tensor.mean, torch.sum, Tensor.sum),
    _summed: (torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__),
    _scaled: (torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__imul__),
    _passed(active_only=False): (
        *(F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm, F.local_response_norm),
    ),
    # a ReLU needs no rule: its gradient is this one
    _passed(active_only=True): (
        *(F.relu6, F.hardtanh, F.leaky_relu, F.elu, F.selu, F.celu, F.prelu),
        *(F.gelu, F.silu, F.mish, F.hardswish, F.softplus),
        *(F.hardsigmoid, F.sigmoid, torch.sigmoid, Tensor.sigmoid, torch.tanh, Tensor.tanh),
        *(torch.clamp, Tensor.clamp),
    ),
}
_RULES = {call: rule for rule, calls in _CALLS.items() for call in calls}
