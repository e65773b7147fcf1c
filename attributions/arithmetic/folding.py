"""Lets a convolution do what the batch normalisation after it would do: a scaling, once for all images.

Only where the code between the two is known to the letter: neighbours in a `Sequential`, and the blocks of
torchvision. What code of somebody else does with the output of a convolution cannot be told from outside.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn

from .fixed_weights import are_weights_fixed, keep, look_up, on_leaving

__all__ = ["Fold", "find_folds", "fold_for", "fold_into", "is_folded"]

_PAIRS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("torchvision.models.resnet", "ResNet"): (("conv1", "bn1"),),
    ("torchvision.models.resnet", "BasicBlock"): (("conv1", "bn1"), ("conv2", "bn2")),
    ("torchvision.models.resnet", "Bottleneck"): (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")),
    ("torchvision.models.googlenet", "BasicConv2d"): (("conv", "bn"),),
    ("torchvision.models.inception", "BasicConv2d"): (("conv", "bn"),),
}
"""Modules whose code hands the output of a convolution to a normalisation and to nobody else."""


@dataclass(frozen=True, eq=False)
class Fold:
    """A convolution and the batch normalisation after it, in a module that calls one after the other.

    Attributes:
        container: the module that calls the two; they are its children of these names.
        tensors: weights and statistics of the two, as they were when the fold was found.
        eps: of the norm.
    """

    container: ref[nn.Module]
    convolution: str
    norm: str
    tensors: tuple[ref[Tensor] | None, ...]
    eps: float

    @property
    def is_usable(self) -> bool:
        """Whether the two may be one now: they are what they were, and nobody watches what passes between."""
        container = self.container()
        pair = None if container is None else _children(container, self.convolution, self.norm)
        if pair is None:
            return False
        convolution, norm = pair
        watched = (convolution._forward_hooks, norm._forward_pre_hooks, *_GLOBAL_HOOKS)
        return (
            not any(watched)
            and not norm.training
            and all(
                now is (before if before is None else before())
                for now, before in zip(_tensors(convolution, norm), self.tensors, strict=True)
            )
        )

    @functools.cached_property
    def weight(self) -> Tensor:
        """Weights (O, C, k, l) that bring the scaling with them, in the layout of the convolution's own."""
        return self.scaled()

    @functools.cached_property
    def bias(self) -> Tensor:
        """Bias (O,) of the two together."""
        weight, bias, mean, _, _, shift = self.now()
        assert weight is not None
        assert mean is not None
        moved = (0 if bias is None else bias.detach().double()) - mean.double()
        return (moved * self._scale() + (0 if shift is None else shift.detach())).to(weight.dtype)

    def scaled(self) -> Tensor:
        """Compute `weight`."""
        own = self.now()[0]
        assert own is not None
        return own.detach() * self._scale().to(own.dtype).view(-1, 1, 1, 1)

    def _scale(self) -> Tensor:
        _, _, _, variance, factor, _ = self.now()
        assert variance is not None
        scale = (variance.double() + self.eps).rsqrt()
        return scale if factor is None else scale * factor.detach()

    def now(self) -> tuple[Tensor | None, ...]:
        """Return the tensors: weight and bias, mean and variance, and the norm's weight and bias."""
        return tuple(one if one is None else one() for one in self.tensors)


@dataclass
class _Call:
    """A call of a container that is under way.

    Attributes:
        container: the module.
        used: folds that it has used; what comes with the same weights once more comes from elsewhere.
        given: outputs of folded convolutions that wait for their normalisation, by identity of its mean.
    """

    container: nn.Module
    used: set[Fold] = field(default_factory=set)
    given: dict[int, Tensor] = field(default_factory=dict)


class _Calls(threading.local):
    def __init__(self) -> None:
        self.under_way: list[_Call] = []


_CALLS = _Calls()


def find_folds(module: nn.Module) -> None:
    """Find the convolutions of a network that may be folded, inside `weights_fixed`."""
    if not are_weights_fixed():
        return
    tied = _used_twice(module)
    for container in list(module.modules()):
        new = False
        for names in _pairs(container):
            if (found := _fold(container, *names, tied)) is not None:
                weight, fold = found
                keep(weight, "fold", fold)
                new = True
        if new:
            # a convolution is folded while its container calls it, and not if somebody else does
            on_leaving(container.register_forward_pre_hook(_enter, prepend=True).remove)
            on_leaving(container.register_forward_hook(_leave, always_call=True).remove)


def fold_for(weight: Tensor) -> Fold | None:
    """Return how the convolution with this weight may be folded in the call that is under way, if it may."""
    if not _CALLS.under_way:
        return None
    fold = look_up(weight, "fold")
    call = _CALLS.under_way[-1]
    fits = isinstance(fold, Fold) and fold.container() is call.container and fold not in call.used
    return fold if fits and fold.is_usable else None


def fold_into(output: Tensor, fold: Fold) -> None:
    """Note the output of a folded convolution, for the normalisation that comes next."""
    call = _CALLS.under_way[-1]
    call.used.add(fold)
    call.given[id(fold.now()[2])] = output


def is_folded(inputs: Tensor, mean: Tensor | None) -> bool:
    """Whether the normalisation with this mean is done with for these inputs."""
    call = _CALLS.under_way[-1] if _CALLS.under_way else None
    given = call.given.pop(id(mean), None) if call is not None else None
    if given is not None and given is not inputs:
        raise RuntimeError(_MISLED)
    return given is not None


def _enter(container: nn.Module, _: Any) -> None:
    _CALLS.under_way.append(_Call(container))


def _leave(container: nn.Module, _: Any, __: Any) -> None:
    if _CALLS.under_way and _CALLS.under_way[-1].container is container and _CALLS.under_way.pop().given:
        raise RuntimeError(_MISLED)  # if the call failed by itself, torch raises that error instead


_GLOBAL_HOOKS = (nn.modules.module._global_forward_hooks, nn.modules.module._global_forward_pre_hooks)
_MISLED = "a convolution was folded into a normalisation that did not follow it"


def _pairs(container: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of children that a module calls one directly after the other."""
    kind = (type(container).__module__, type(container).__qualname__)
    if isinstance(container, nn.Sequential):
        if type(container).__iter__ is nn.Sequential.__iter__ and _runs_code_of(container, nn.Sequential):
            yield from itertools.pairwise(container._modules)
    elif kind in _PAIRS and _runs_code_of(container) and "_forward_impl" not in vars(container):
        yield from _PAIRS[kind]


def _fold(container: nn.Module, convolution: str, norm: str, tied: set[int]) -> tuple[Tensor, Fold] | None:
    """Fold two children of a container unless they are folded already: the weight to keep it by, and how."""
    pair = _children(container, convolution, norm)
    if pair is None or not all(map(_runs_code_of, pair)):
        return None
    weight, _, mean, variance, *_ = tensors = _tensors(*pair)
    assert weight is not None
    known = look_up(weight, "fold")
    if known is not None and known.container() is container and known.is_usable:
        return None
    plain = all(one is None or one.dtype == torch.float32 for one in tensors)
    if not plain or variance is None or id(weight) in tied or id(mean) in tied:
        return None
    then = tuple(one if one is None else ref(one) for one in tensors)
    return weight, Fold(ref(container), convolution, norm, then, pair[1].eps)


def _children(container: nn.Module, convolution: str, norm: str) -> tuple[nn.Conv2d, nn.BatchNorm2d] | None:
    """Return two children of a container, or None if they are no such pair or one of the three is patched."""
    first, second = container._modules.get(convolution), container._modules.get(norm)
    if type(first) is not nn.Conv2d or type(second) is not nn.BatchNorm2d:
        return None
    return None if any("forward" in vars(part) for part in (container, first, second)) else (first, second)


def _used_twice(module: nn.Module) -> set[int]:
    """Identities of the parameters and statistics that a network has in several places."""
    uses = Counter(
        id(tensor)
        for _, part in module.named_modules(remove_duplicate=False)
        for tensor in (*part._parameters.values(), *part._buffers.values())
        if tensor is not None
    )
    return {tensor for tensor, count in uses.items() if count > 1}


def _tensors(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor | None, ...]:
    statistics = (norm.running_mean, norm.running_var)
    return (convolution.weight, convolution.bias, *statistics, norm.weight, norm.bias)


def _runs_code_of(module: nn.Module, kind: type[nn.Module] | None = None) -> bool:
    """Whether a module runs the code that torch gives to this kind, by default its own, when it is called."""
    forward: Any = type(module).forward
    here = (forward.__module__, forward.__qualname__)
    given = [(base.__module__, f"{base.__qualname__}.forward") for base in (kind or type(module)).__mro__]
    return "forward" not in vars(module) and here in given
