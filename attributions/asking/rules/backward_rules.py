"""Backward rules that are put in place of the calls an unmodified network makes.

What flows back is then not a gradient but what a method hands down: shares of a winner, relevance. A method
is a table `{call: rule}`; calls that are not in it route what they receive by their gradient (max pooling,
reshaping, concatenation, ...).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from ....base import RaybenchError
from .linear_rules import Divide, LinearCall, LinearRule, handed_down
from .multipliers import taken_apart

Rule = Callable[["Rules", Any, tuple[Any, ...], dict[str, Any]], Any]
"""Takes the mode, a call and its arguments; makes the call, recorded with what it hands down."""

Table = Mapping[Callable[..., Any], Rule]


def rows(calls: Iterable[Callable[..., Any]], rule: Rule) -> dict[Callable[..., Any], Rule]:
    """Rows of a table: the same rule for several calls."""
    return dict.fromkeys(calls, rule)


class Rules(TorchFunctionMode):
    """While entered, calls on tensors that require gradients are recorded with the rules of a table.

    Run the forward pass inside and `torch.autograd.grad` outside. Values computed are unchanged.

    Attributes:
        last: the last call with weights, that is the classifier once the forward pass is over.
        made_by: the call with weights that made a tensor, for those that are still there.
    """

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table
        self.last: LinearCall | None = None
        self.made_by: WeakTensorKeyDictionary = WeakTensorKeyDictionary()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace the call if there is a rule for it."""
        kwargs = kwargs or {}
        if not torch.is_grad_enabled():
            return func(*args, **kwargs)
        rule = self._table.get(func)
        result = func(*args, **kwargs) if rule is None else rule(self, func, args, kwargs)
        if self.made_by and next(_tensors(result), None) is not None:  # a look at a shape reads nothing
            self._note_reader(args, kwargs)
        return result

    def maker_of(self, tensor: Tensor) -> LinearCall | None:
        """Return the call with weights that made a tensor, if one did."""
        maker: LinearCall | None = self.made_by.get(tensor)  # type: ignore[no-untyped-call]
        return maker

    def _note_reader(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Count who reads what calls with weights have made; two readers, and it is left unmerged."""
        for tensor in _tensors([*args, *kwargs.values()]):
            call = self.maker_of(tensor)
            if call is not None:
                call.readers += 1
                if call.readers > 1:
                    call.scaling = None


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


class _Split(torch.autograd.Function):
    """p_a = a p / (a + b) and p_b = b p / (a + b), for a sum of two branches."""

    @staticmethod
    def forward(
        ctx: Any, first: Tensor, second: Tensor, add: Callable[..., Tensor], scale: float, divide: Divide
    ) -> Tensor:
        before = first.clone()
        result = add(first, second)
        if result is first:
            ctx.mark_dirty(first)
        ctx.save_for_backward(before, second)
        ctx.scale, ctx.divide = scale, divide
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor | None, ...]:
        first, second = ctx.saved_tensors
        second = second * ctx.scale
        flow = ctx.divide(received, first + second)
        return flow * first, flow * second, None, None, None


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


def weighted(rule: LinearRule, first: LinearRule | None = None) -> Rule:
    """Hand down through a convolution or a linear layer, by a rule of its own through the network's first."""

    def ruled(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        named = dict(zip(("input", "weight", "bias"), args, strict=False)) | kwargs
        inputs, weight, bias = named.pop("input"), named.pop("weight"), named.pop("bias", None)
        if not inputs.requires_grad:
            return func(*args, **kwargs)
        call = LinearCall(func, weight, bias, args[3:], named)
        chosen = rule if first is None or rules.last is not None else first
        rules.last = call
        result = handed_down(inputs, call, chosen)
        rules.made_by[result] = call
        return result

    return ruled


def pooled(rule: LinearRule) -> Rule:
    """Hand down through a pooling that averages."""

    def ruled(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs, others, options = taken_apart(args, kwargs)
        if not inputs.requires_grad:
            return func(*args, **kwargs)
        return handed_down(inputs, LinearCall(func, others=others, options=options), rule)

    return ruled


def averaged(rule: LinearRule) -> Rule:
    """Treat a mean over all places as the global average pooling that it is.

    Places are the last two dimensions of maps (N, C, h, w), the middle two of (N, h, w, C), and those of
    tokens (N, L, C).
    """
    pool, places = pooled(rule), {4: ({2, 3}, {1, 2}), 3: ({1},)}

    def ruled(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        dims = args[1] if len(args) > 1 else kwargs.get("dim")
        ndim = args[0].ndim if args else 0
        over = [dims] if isinstance(dims, int) else dims if isinstance(dims, (tuple, list)) else []
        if over and {dim % ndim for dim in over} in places.get(ndim, ()):
            return pool(rules, func, args, kwargs)
        return func(*args, **kwargs)

    return ruled


def summed(divide: Divide) -> Rule:
    """Split between two branches; a bias (a parameter, or smaller than the other summand) takes no share."""

    def ruled(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        branches = len(args) == 2 and all(
            isinstance(one, Tensor) and not isinstance(one, nn.Parameter) for one in args
        )
        flowing = branches and (args[0].requires_grad or args[1].requires_grad)
        if not flowing or args[0].shape != args[1].shape:
            return func(*args, **kwargs)
        scale = kwargs.get("alpha", 1)
        return _Split.apply(*args, lambda first, second: func(first, second, **kwargs), scale, divide)

    return ruled


def scaled(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
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


def passed(*, active_only: bool = False) -> Rule:
    """Pass on all, or what arrives where the output is positive, whatever the slope."""

    def ruled(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs, others, options = taken_apart(args, kwargs)
        if not inputs.requires_grad:
            return func(*args, **kwargs)
        return _Pass.apply(inputs, lambda signal: func(signal, *others, **options), active_only)

    return ruled


_BATCH_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


def merged(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Let a batch normalisation be part of the call with weights that alone feeds it; pass on in any case."""
    named = dict(zip(_BATCH_NORM, args, strict=False)) | kwargs
    inputs, mean, variance = named["input"], named["running_mean"], named["running_var"]
    call = rules.maker_of(inputs)
    fixed = mean is not None and variance is not None and not named.get("training")
    # else the normalised dimension is not that of the outputs
    if call is not None and call.weight is not None and fixed and inputs.ndim == call.weight.ndim:
        factor = (variance.detach() + named.get("eps", 1e-5)).rsqrt()
        if named.get("weight") is not None:
            factor = factor * named["weight"].detach()
        summand = -mean.detach() * factor
        if named.get("bias") is not None:
            summand = summand + named["bias"].detach()
        call.scaling = factor, summand
    return passed()(rules, func, args, kwargs)


def refused(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Raise `RaybenchError` where nothing can be handed down: attention, a product of two signals."""
    flowing = [one for one in _tensors([*args, *kwargs.values()]) if one.requires_grad]
    if len(flowing) > 1 or (flowing and "attention" in func.__name__):
        raise RaybenchError(
            f"no rule hands anything down through {func.__name__}, by which this network attends; choose a "
            "method that reads attention, or one that goes by gradients"
        )
    return func(*args, **kwargs)


def uncompiled() -> AbstractContextManager[Any]:
    """While open, compiled parts of a network run as they were written: the rules have to see every call."""
    eager: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return eager
