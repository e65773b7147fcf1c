"""The gradients that torch computes, in less time: backward passes of two calls that it does slowly on a CPU.

A classifier's gradient with respect to its pixels needs nothing of the weights' gradients, and in eval mode
its normalisation is a scaling. torch makes no use of either: on a CPU its backward pass of a normalisation
costs six times a multiplication, and that of the first convolution five times the convolution. Values
computed forward are the same bits; gradients agree with torch's but for the order of summation.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

__all__ = ["QuickBackward"]

_FEW_CHANNELS = 4


class QuickBackward(TorchFunctionMode):
    """While entered, calls on tensors that require gradients are recorded with quicker backward passes.

    Run the forward pass of a frozen network in eval mode inside and `torch.autograd.grad` outside.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace the call if it is one of the two."""
        kwargs = kwargs or {}
        if func is F.batch_norm and torch.is_grad_enabled():
            return _batch_norm(*args, **kwargs)
        if func is F.conv2d and torch.is_grad_enabled():
            return _conv2d(*args, **kwargs)
        return func(*args, **kwargs)


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    others = (running_mean, running_var, weight, bias, training, momentum, eps)
    quick = input.device.type == "cpu" and input.requires_grad and not training
    if not quick or running_var is None or _learns(weight) or _learns(bias):
        return F.batch_norm(input, *others)
    normalised: Tensor = _Scaled.apply(input, others)
    return normalised


class _Scaled(torch.autograd.Function):
    """Batch normalisation with fixed statistics: the gradient is scaled channel by channel."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, others: tuple[Any, ...]) -> Tensor:
        _, variance, weight, *_, eps = others
        scale = (variance + eps).rsqrt()
        ctx.scale = (scale if weight is None else scale * weight).view(-1, *[1] * (inputs.ndim - 2))
        return F.batch_norm(inputs, *others)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None]:
        return received * ctx.scale, None


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: str | int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    step, edge, spread = (_pair(value) for value in (stride, padding, dilation))
    quick = input.device.type == "cpu" and input.requires_grad and input.ndim == 4 and groups == 1
    fits = edge is not None and spread == (1, 1) and step is not None and min(step) > 1
    if not (quick and fits and weight.shape[1] <= _FEW_CHANNELS) or _learns(weight) or _learns(bias):
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    convolved: Tensor = _Strided.apply(input, weight, bias, step, edge)
    return convolved


class _Strided(torch.autograd.Function):
    """A convolution with strides from few channels, such as the first of most networks.

    Pixels that lie at the same place within a stride receive from the same weights. The gradient is computed
    for all places at once, by one plain convolution with a channel for each, and then interleaved.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.weight, ctx.stride, ctx.padding, ctx.size = weight, stride, padding, inputs.shape[2:]
        return F.conv2d(inputs, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None, None, None, None]:
        (down, right), (top, left), (height, width) = ctx.stride, ctx.padding, ctx.size
        weight = _by_place(ctx.weight, ctx.stride)
        places = F.conv2d(received, weight, padding=(weight.shape[2] - 1, weight.shape[3] - 1))
        rows, _, high, wide = places.shape
        split = places.reshape(rows, -1, down, right, high, wide)
        pixels = split.permute(0, 1, 4, 2, 5, 3).reshape(rows, -1, high * down, wide * right)
        pixels = pixels[:, :, top : top + height, left : left + width]
        missing = (0, width - pixels.shape[3], 0, height - pixels.shape[2])  # pixels that no stride reaches
        return F.pad(pixels, missing), None, None, None, None


def _by_place(weight: Tensor, stride: tuple[int, int]) -> Tensor:
    """Rearrange weights (O, C, k, l) for the gradient: (C * s * t, O, ceil(k / s), ceil(l / t))."""
    outputs, channels, high, wide = weight.shape
    down, right = stride
    weight = F.pad(weight, (0, -wide % right, 0, -high % down))
    split = weight.reshape(outputs, channels, -1, down, weight.shape[3] // right, right)
    places = split.permute(1, 3, 5, 0, 2, 4).flip(4, 5)
    return places.reshape(channels * down * right, outputs, *places.shape[4:])


def _pair(value: Any) -> tuple[int, int] | None:
    """Both values of an argument that may be one number; None for padding given as a word."""
    if isinstance(value, str):
        return None
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _learns(parameter: Tensor | None) -> bool:
    return parameter is not None and parameter.requires_grad
