"""Lets a convolution do what the batch normalisation after it would do: a scaling, once for all images."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from .fixed_weights import keep, kept, look_up

__all__ = ["Fold", "find_folds", "fold_of"]


@dataclass(frozen=True)
class Fold:
    """A convolution whose output goes nowhere but into a batch normalisation in eval mode.

    Attributes:
        convolution: the first of the two.
        norm: the second.
        between: modules that hold one of the two and not the other. What enters or leaves them is not what it
            seems while the two are one, so that nobody may be watching.
    """

    convolution: nn.Conv2d
    norm: nn.BatchNorm2d
    between: tuple[nn.Module, ...]

    @property
    def is_usable(self) -> bool:
        """Whether the two may be one in this call."""
        watched = any(part._forward_hooks or part._forward_pre_hooks for part in self.between)
        return not watched and not self.norm.training

    @property
    def weight(self) -> Tensor:
        """Weights (O, C, k, l) that bring the scaling with them, in the layout of the convolution's own."""
        return kept(self.convolution.weight, "folded", self.scaled)

    @property
    def bias(self) -> Tensor:
        """Bias (O,) of the two together."""
        own = self.convolution.weight
        return kept(own, "folded bias", lambda: self._bias().to(own.dtype))

    def scaled(self) -> Tensor:
        """Compute `weight`."""
        own = self.convolution.weight.detach()
        return own * self._scale().to(own.dtype).view(-1, 1, 1, 1)

    def _scale(self) -> Tensor:
        variance, weight = self.norm.running_var, self.norm.weight
        assert variance is not None
        scale = (variance.double() + self.norm.eps).rsqrt()
        return scale if weight is None else scale * weight.detach()

    def _bias(self) -> Tensor:
        mean, bias = self.norm.running_mean, self.convolution.bias
        assert mean is not None
        shift = (0 if bias is None else bias.detach()) - mean.double()
        own = self.norm.bias
        return shift * self._scale() + (0 if own is None else own.detach())


def find_folds(module: nn.Module) -> None:
    """Find the convolutions of a network that may be folded, inside `weights_fixed`.

    A network that torch cannot trace has none.
    """
    for fold in _find(module):
        keep(fold.convolution.weight, "fold", fold)


def fold_of(weight: Tensor) -> Fold | None:
    """Return what is known of the convolution with this weight, if it may be folded in this call."""
    fold = look_up(weight, "fold")
    return fold if isinstance(fold, Fold) and fold.is_usable else None


class _Tracer(fx.Tracer):
    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Go on without the module's hooks, which expect tensors."""
        return super().call_module(m, m.forward, args, kwargs)


def _find(module: nn.Module) -> list[Fold]:
    """Find the pairs in the graph of a network's calls."""
    try:
        nodes = list(_Tracer().trace(module).nodes)
    except Exception:  # whatever the code of a network does with the stand-in of an image
        return []
    modules = dict(module.named_modules(remove_duplicate=False))
    called = {node: modules[str(node.target)] for node in nodes if node.op == "call_module"}
    uses = Counter(id(tensor) for node in nodes for tensor in _tensors_of(module, node))
    folds = []
    for node, norm in called.items():
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or source not in called or len(source.users) != 1:
            continue
        convolution = called[source]
        if _is_plain(convolution, nn.Conv2d) and _is_plain(norm, nn.BatchNorm2d):
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            # by these two tensors their calls are known
            if (
                norm.running_var is not None
                and uses[id(convolution.weight)] == uses[id(norm.running_mean)] == 1
            ):
                between = _around(source) ^ _around(node)
                folds.append(Fold(convolution, norm, tuple(modules[name] for name in sorted(between))))
    return folds


def _tensors_of(module: nn.Module, node: fx.Node) -> list[Tensor]:
    """Weights and statistics that a call of a network uses."""
    if node.op == "call_module":
        part = module.get_submodule(str(node.target))
        return [*part.parameters(), *part.buffers()]
    if node.op == "get_attr":
        value = functools.reduce(getattr, str(node.target).split("."), module)
        return [value] if isinstance(value, Tensor) else []
    return []


def _is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module is what torch made it: a kind of its own may compute something else."""
    return type(module) is kind and "forward" not in vars(module)


def _around(node: fx.Node) -> set[str]:
    """Names of the modules, from the outermost to the innermost, inside which a call is made."""
    return {path for path, _ in node.meta["nn_module_stack"].values()}
