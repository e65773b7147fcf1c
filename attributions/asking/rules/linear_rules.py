"""How a linear call hands down what it received, as data: which part of its input times which of its weights.

A rule is a sum of shares. With x', w', b' the parts that a term names, of the input, the weight and the bias,
a share hands to each input j

    R_j = c * sum over terms of  c' * x'_j * sum_i w'_ij * divide(R, z)_i,
    z_i = sum over terms of  c' * (sum_j w'_ij x'_j + b'_i),

with c the coefficient of the share and c' that of the term.

Excitation backprop is one share of one term, (positive, positive); the rules of layer-wise relevance
propagation take a line or two each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .multipliers import HandDown, replaced

Part = Callable[[Tensor], Tensor]
"""A part of an input, a weight or a bias, of the same shape."""

Divide = Callable[[Tensor, Tensor], Tensor]
"""Takes what outputs received and what they are made of; returns the quotient, whatever it is at zero."""


def everything(tensor: Tensor) -> Tensor:
    """All of it."""
    return tensor


def positive(tensor: Tensor) -> Tensor:
    """What is above zero, else zero."""
    return tensor.clamp(min=0)


def negative(tensor: Tensor) -> Tensor:
    """What is below zero, else zero."""
    return tensor.clamp(max=0)


def ones(tensor: Tensor) -> Tensor:
    """One everywhere."""
    return torch.ones_like(tensor)


def nothing(tensor: Tensor) -> Tensor:
    """Zero everywhere."""
    return torch.zeros_like(tensor)


def stabilised(epsilon: float) -> Divide:
    """Return a division by z + epsilon * sign(z), where the sign of zero is one."""

    def divide(received: Tensor, total: Tensor) -> Tensor:
        ends = total.new_tensor(epsilon), total.new_tensor(-epsilon)
        return received / torch.where(total >= 0, *ends).add_(total)

    return divide


class Term(NamedTuple):
    """A part of the input times a part of the weight, plus a part of the bias."""

    inputs: Part
    weights: Part
    bias: Part = nothing
    coefficient: float = 1


@dataclass(frozen=True)
class Share:
    """Terms that share what the outputs received, in proportion to what they contributed.

    Attributes:
        terms: whose inputs receive.
        divide: by the sum of the terms.
        coefficient: how much of what was received is shared.
        where: only what outputs received that are above zero, or below.
    """

    terms: tuple[Term, ...]
    divide: Divide
    coefficient: float = 1
    where: Literal["above", "below"] | None = None


LinearRule = tuple[Share, ...]


@dataclass
class LinearCall:
    """A call that is linear in its input: convolution and the like with weights, or pooling without.

    Attributes:
        function: takes the input, the weight and bias if there are any, and the other arguments.
        weight: (O, ...), None for pooling.
        bias: (O,) or None.
        negated: share by the opposite of the weights, as for the contrast of a class.
        scaling: factor and summand (O,) of a batch normalisation that is part of the call.
        readers: calls that have read the output so far.
    """

    function: Callable[..., Tensor]
    weight: Tensor | None = None
    bias: Tensor | None = None
    others: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    negated: bool = False
    scaling: tuple[Tensor, Tensor] | None = None
    readers: int = 0

    def __call__(self, inputs: Tensor) -> Tensor:
        """Compute what the network computes."""
        return self._compute(inputs, self.weight, self.bias)

    def contribution(self, term: Term, inputs: Tensor) -> Tensor:
        """Compute the same of parts of the weight and the bias.

        Args:
            term: names the parts.
            inputs: the part of the input, in the precision to compute in.
        """
        if self.weight is None:
            return self._compute(inputs, None, None)
        weight, bias = self._parameters(self.weight.detach().to(inputs.dtype))
        part = None if bias is None or term.bias is nothing else term.bias(bias)
        return self._compute(inputs, term.weights(weight), part)

    def _parameters(self, weight: Tensor) -> tuple[Tensor, Tensor | None]:
        """Weight and bias, with the normalisation where it is part of the call."""
        bias = None if self.bias is None else self.bias.detach().to(weight.dtype)
        if self.scaling is not None:
            factor, summand = (tensor.to(weight.dtype) for tensor in self.scaling)
            weight = weight * factor.view(-1, *[1] * (weight.ndim - 1))
            bias = summand if bias is None else bias * factor + summand
        if self.negated:
            return -weight, None if bias is None else -bias
        return weight, bias

    def _compute(self, inputs: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        if weight is None:
            return self.function(inputs, *self.others, **self.options)
        return self.function(inputs, weight, bias, *self.others, **self.options)


def handed_down(inputs: Tensor, call: LinearCall, rule: LinearRule) -> Tensor:
    """Compute the call on its inputs, and hand down by the rule when the backward pass comes by."""
    result: Tensor = _HandedDown.apply(inputs, call, rule)
    return result


def multipliers_down(inputs: Tensor, call: LinearCall, rule: LinearRule) -> Tensor:
    """Do the same where what is handed down is relevance per unit: divided by outputs, and by inputs."""

    def ruled(_result: Tensor, before: Tensor) -> HandDown:
        precise = before.to(torch.promote_types(before.dtype, torch.float32))
        with torch.autocast(before.device.type, enabled=False), torch.enable_grad():
            prepared = [_Prepared.of(share, call, precise) for share in rule]
        outputs = call.contribution(Term(everything, everything, everything), precise)

        def hand_down(received: Tensor) -> tuple[Tensor]:
            relevance = received.to(outputs.dtype) * outputs
            first, *others = (one.hand_down(relevance) for one in prepared)
            handed = sum(others, start=first)
            return (torch.where(precise == 0, 0, handed / precise).to(before.dtype),)

        return hand_down

    return replaced(call, ruled, inputs)


class _HandedDown(torch.autograd.Function):
    """A linear call whose backward pass is a rule."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, call: LinearCall, rule: LinearRule) -> Tensor:
        ctx.save_for_backward(inputs)
        ctx.call, ctx.rule = call, rule
        ctx.prepared = {}
        return call(inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None, None]:
        (inputs,) = ctx.saved_tensors
        call: LinearCall = ctx.call
        precise = inputs.detach().to(torch.promote_types(inputs.dtype, torch.float32))
        with torch.autocast(inputs.device.type, enabled=False), torch.enable_grad():
            # the same for every class of an image: only the first backward pass pays for it
            if call.negated not in ctx.prepared:
                ctx.prepared[call.negated] = [_Prepared.of(share, call, precise) for share in ctx.rule]
            first, *others = (one.hand_down(received.to(precise.dtype)) for one in ctx.prepared[call.negated])
        return sum(others, start=first).to(inputs.dtype), None, None


class _Prepared(NamedTuple):
    """A share of a call on given inputs.

    Attributes:
        share: the share.
        parts: of the input, one per term, leaves of a graph.
        contributions: what the call makes of each.
        total: their sum z, detached.
        open: which outputs share, if not all.
    """

    share: Share
    parts: list[Tensor]
    contributions: list[Tensor]
    total: Tensor
    open: Tensor | None

    @classmethod
    def of(cls, share: Share, call: LinearCall, inputs: Tensor) -> _Prepared:
        """Compute what the terms of a share contribute."""
        terms: list[Term] = []
        parts: list[Tensor] = []
        for term in share.terms:
            part = term.inputs(inputs).detach()
            # behind a ReLU nothing is negative: what such a term costs can be saved
            if not terms or term.bias is not nothing or part.any():
                terms.append(term)
                parts.append(part.requires_grad_())
        found = [call.contribution(term, part) for term, part in zip(terms, parts, strict=True)]
        found = [
            one if term.coefficient == 1 else one * term.coefficient
            for term, one in zip(terms, found, strict=True)
        ]
        total = sum(found[1:], start=found[0]).detach()
        if share.where is None:
            return cls(share, parts, found, total, None)
        outputs = call.contribution(Term(everything, everything, everything), inputs)
        return cls(share, parts, found, total, outputs > 0 if share.where == "above" else outputs < 0)

    def hand_down(self, received: Tensor) -> Tensor:
        """Return what the inputs get of what the outputs received."""
        flow = self.share.divide(received, self.total)
        if self.share.coefficient != 1:
            flow = flow * self.share.coefficient
        if self.open is not None:
            flow = flow * self.open
        flows = [flow] * len(self.parts)
        handed = torch.autograd.grad(self.contributions, self.parts, flows, retain_graph=True)
        first, *others = (share * part.detach() for share, part in zip(handed, self.parts, strict=True))
        return sum(others, start=first)
