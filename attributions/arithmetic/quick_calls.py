"""What torch computes, in less time: calls that it does slowly on a CPU.

A classifier's gradient with respect to its pixels needs nothing of the weights' gradients, and in eval mode
its normalisation is a scaling. torch makes no use of either: on a CPU its backward pass of a normalisation
costs six times a multiplication, and that of the first convolution five times the convolution. Beside that,
it rearranges a convolution's weights for every call; and computing with one thread it turns a 1 x 1 kernel
into a matrix product, which on some processors takes twice as long as oneDNN, its choice for several threads.

Values computed forward are the same bits, but for 1 x 1 kernels, which come out as with several threads, and
for normalisations that are folded (see `prepare_weights`); gradients agree with torch's but for the order
of summation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

from .fixed_weights import are_weights_fixed, kept, look_up
from .folding import Fold, find_folds, fold_for, fold_into, is_folded

__all__ = ["QuickCalls", "prepare_weights"]

_FEW_CHANNELS = 4
_ENOUGH_NUMBERS, _ENOUGH_IMAGES = 20480, 16
"""torch gives smaller inputs to a matrix product for any number of threads, and larger batches to oneDNN."""

_WORTH_PACKING, _MOST_PACKED = 2**17, 2**23
"""Weights of a layer that are kept in oneDNN's own order: fewer cost no time, and more much memory."""

Pair = tuple[int, int]


def prepare_weights(module: nn.Module) -> None:
    """Derive what forward passes of a network need, once for all processes that are forked afterwards.

    Call it inside `weights_fixed`. From then on batch normalisations are left out that follow a convolution
    and can be folded into it, in passes inside `QuickCalls` that record no graph; values then agree with the
    network's own but for their last digits, as with another number of threads. The network itself is not
    changed.
    """
    if any(parameter.device.type != "cpu" for parameter in module.parameters()):
        return
    find_folds(module)
    for part in module.modules():
        if type(part) is nn.Conv2d:
            fold = look_up(part.weight, "fold")
            convolution = _Convolution.of(
                part.weight, part.bias, part.stride, part.padding, part.dilation, part.groups, fold
            )
            if convolution is not None and convolution.is_packed:
                convolution.packed()


class QuickCalls(TorchFunctionMode):
    """While entered, calls of a frozen network in eval mode take less time, forward and backward.

    Run the forward pass inside; the backward pass may run inside or outside.

    Args:
        fold: leave out normalisations that a convolution can include.
    """

    def __init__(self, *, fold: bool = True) -> None:
        super().__init__()
        self._fold = fold

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Replace the call if there is a quicker one; a compiler finds its own."""
        if func is F.conv2d and not torch.compiler.is_compiling():
            return self._conv2d(*args, **(kwargs or {}))
        if func is F.batch_norm and not torch.compiler.is_compiling():
            return self._batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _conv2d(
        self, input: Tensor, weight: Tensor, bias: Tensor | None = None, *others: Any, **options: Any
    ) -> Tensor:
        plain = self._fold and input.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        fold = fold_for(weight) if plain else None
        if fold is not None and torch.is_grad_enabled() and _learns(input, *fold.now()):
            fold = None
        output = _conv2d(input, weight, bias, *others, fold=fold, **options)
        if fold is not None:
            fold_into(output, fold)
        return output

    def _batch_norm(self, input: Tensor, running_mean: Tensor | None, *others: Any, **options: Any) -> Tensor:
        if is_folded(input, running_mean):
            return input
        return _batch_norm(input, running_mean, *others, **options)


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
    if not quick or running_var is None or _learns(weight, bias):
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
    stride: int | Pair = 1,
    padding: str | int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
    *,
    fold: Fold | None = None,
) -> Tensor:
    recorded = torch.is_grad_enabled() and input.requires_grad
    frozen = input.device.type == "cpu" and input.ndim == 4 and not _learns(weight, bias)
    convolution = _Convolution.of(weight, bias, stride, padding, dilation, groups, fold) if frozen else None
    if convolution is not None:
        if recorded and weight.shape[1] <= _FEW_CHANNELS and min(convolution.stride) > 1:
            strided: Tensor = _Strided.apply(input, weight, bias, convolution.stride, convolution.padding)
            return strided
        if convolution.is_quick_on(input) and not recorded:
            return convolution(input)
        if convolution.is_quick_on(input) and convolution.can_be_turned:
            convolved: Tensor = _Convolved.apply(input, convolution)
            return convolved
    if fold is not None:
        weight, bias = fold.weight, fold.bias
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


@dataclass(frozen=True)
class _Convolution:
    """A convolution without groups or gaps, by oneDNN; with `fold`, also the normalisation after it."""

    weight: Tensor
    own_bias: Tensor | None
    stride: Pair
    padding: Pair
    fold: Fold | None = None

    @classmethod
    def of(
        cls,
        weight: Tensor,
        bias: Tensor | None,
        stride: int | tuple[int, ...],
        padding: str | int | tuple[int, ...],
        dilation: int | tuple[int, ...],
        groups: int,
        fold: Fold | None,
    ) -> _Convolution | None:
        """Describe a convolution by torch's arguments; None if it has groups or gaps, or padding in words."""
        step, edge = _pair(stride), _pair(padding)
        if groups != 1 or _pair(dilation) != (1, 1) or step is None or edge is None:
            return None
        return cls(weight, bias, step, edge, fold)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Convolve (B, C, H, W) float32."""
        if not self.is_packed:
            weight = self.weight if self.fold is None else self.fold.weight
            return torch.mkldnn_convolution(inputs, weight, self.bias, self.padding, self.stride, (1, 1), 1)
        return _by_packed(inputs, self.packed(), self.bias, self.padding, self.stride)

    def backward(self, received: Tensor) -> Tensor:
        """Gradient of the input for that of the output: a convolution by the weights turned around."""
        padding = tuple(
            size - 1 - edge for size, edge in zip(self.weight.shape[2:], self.padding, strict=True)
        )
        if not self.is_packed:
            weight = kept(self.weight, "turned", lambda: _turned(self.weight))
            return torch.mkldnn_convolution(received, weight, None, padding, (1, 1), (1, 1), 1)
        return _by_packed(received, self.packed(turned=True), None, padding, (1, 1))

    @property
    def bias(self) -> Tensor | None:
        """What is added to the outputs: (O,), or None."""
        return self.own_bias if self.fold is None else self.fold.bias

    def packed(self, *, turned: bool = False) -> Tensor:
        """Return the weights in oneDNN's order, as they are kept since the first call."""

        def pack() -> Tensor:
            assert _PACK is not None
            weight = self.weight.detach() if self.fold is None else self.fold.scaled()
            values = (_turned(weight) if turned else weight).to_mkldnn()
            size = [1, values.shape[1], *_TYPICAL]
            packed: Tensor = _PACK(values, self.padding, self.stride, (1, 1), 1, size)
            return packed

        what = ("packed", self.fold, turned, self.stride, self.padding)
        with torch.no_grad():
            return kept(self.weight, what, pack)

    @property
    def can_be_turned(self) -> bool:
        """Whether `backward` works."""
        fits = all(edge < size for size, edge in zip(self.weight.shape[2:], self.padding, strict=True))
        return self.stride == (1, 1) and fits

    @property
    def is_packed(self) -> bool:
        """Whether the weights are kept in oneDNN's order, which must suit feature maps of every size.

        Weights in an order that does not suit are put into another for each call, which takes many times as
        long as the convolution. Such are 1 x 1 kernels, and numbers of channels that oneDNN may split into
        blocks of 48 or of 64.
        """
        outputs, channels, *kernel = self.weight.shape
        fits = _WORTH_PACKING <= self.weight.numel() <= _MOST_PACKED and kernel != [1, 1]
        settled = outputs % 48 and channels % 48
        plain = _PACK is not None and self.weight.dtype == torch.float32 and _has_onednn()
        return bool(fits and settled and plain and are_weights_fixed())

    def is_quick_on(self, inputs: Tensor) -> bool:
        """Whether this takes less time than torch's way, for the same result."""
        one_pixel = self.weight.shape[2:] == (1, 1) and len(inputs) < _ENOUGH_IMAGES
        return bool(
            inputs.dtype == self.weight.dtype == torch.float32
            and inputs.numel() > _ENOUGH_NUMBERS
            # in the other layout packed weights would come out with other last digits
            and inputs.is_contiguous(memory_format=torch.channels_last)
            and (self.is_packed or (one_pixel and torch.get_num_threads() == 1))
            and _has_onednn()
            and not torch.is_autocast_enabled("cpu")
        )


_PACK = getattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", None)
"""Brings weights into oneDNN's order. torch's compiler uses it; should it go, weights stay as they are."""

_TYPICAL = (56, 56)
"""Size of feature maps for which weights are packed; see `_Convolution.is_packed` on others."""


def _has_onednn() -> bool:
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and bool(torch.backends.mkldnn.enabled)


def _by_packed(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, ...], stride: Pair
) -> Tensor:
    """Convolve with weights in oneDNN's order."""
    convolve = torch.ops.mkldnn._convolution_pointwise
    convolved: Tensor = convolve(inputs, weight, bias, padding, stride, (1, 1), 1, "none", [], "")
    return convolved


def _turned(weight: Tensor) -> Tensor:
    """Exchange inputs with outputs, and turn each kernel by half a circle."""
    return weight.detach().transpose(0, 1).flip(2, 3).contiguous(memory_format=torch.channels_last)


class _Convolved(torch.autograd.Function):
    """A convolution that is quick in both directions."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, convolution: _Convolution) -> Tensor:
        ctx.convolution = convolution
        return convolution(inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None]:
        convolution: _Convolution = ctx.convolution
        return convolution.backward(received), None


class _Strided(torch.autograd.Function):
    """A convolution with strides from few channels, such as the first of most networks.

    Pixels that lie at the same place within a stride receive from the same weights. The gradient is computed
    for all places at once, by one plain convolution with a channel for each, and then interleaved.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair
    ) -> Tensor:
        ctx.weight, ctx.stride, ctx.padding, ctx.size = weight, stride, padding, inputs.shape[2:]
        return F.conv2d(inputs, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None, None, None, None]:
        (down, right), (top, left), (height, width) = ctx.stride, ctx.padding, ctx.size
        weight = _by_place(ctx.weight.to(received.dtype), ctx.stride)
        places = F.conv2d(received, weight, padding=(weight.shape[2] - 1, weight.shape[3] - 1))
        rows, channels, (high, wide) = len(received), ctx.weight.shape[1], places.shape[2:]
        split = places.reshape(rows, channels, down, right, high, wide)
        pixels = split.permute(0, 1, 4, 2, 5, 3).reshape(rows, channels, high * down, wide * right)
        pixels = pixels[:, :, top : top + height, left : left + width]
        missing = (0, width - pixels.shape[3], 0, height - pixels.shape[2])  # pixels that no stride reaches
        return F.pad(pixels, missing), None, None, None, None


def _by_place(weight: Tensor, stride: Pair) -> Tensor:
    """Rearrange weights (O, C, k, l) for the gradient: (C * s * t, O, ceil(k / s), ceil(l / t))."""
    outputs, channels, high, wide = weight.shape
    down, right = stride
    weight = F.pad(weight, (0, -wide % right, 0, -high % down))
    split = weight.reshape(outputs, channels, -1, down, weight.shape[3] // right, right)
    places = split.permute(1, 3, 5, 0, 2, 4).flip(4, 5)
    return places.reshape(channels * down * right, outputs, *places.shape[4:])


def _pair(value: Any) -> Pair | None:
    """Both values of an argument that may be one number; None for padding given as a word."""
    if isinstance(value, str):
        return None
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _learns(*parameters: Tensor | None) -> bool:
    return any(parameter is not None and parameter.requires_grad for parameter in parameters)
