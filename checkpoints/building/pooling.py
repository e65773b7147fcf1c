"""Global max pooling (GMP) in place of a network's last global average pooling."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ...base import RaybenchError


def use_global_max_pooling(module: nn.Module, name: str) -> nn.Module:
    """Replace the last global average pooling of a classifier by global max pooling; nothing else changes.

    The pooling may be a module of the network or of a sequential head (ResNet's `avgpool`, SqueezeNet's
    `classifier.3`), or a call in the network's `forward` (DenseNet, MobileNetV2). Poolings inside blocks,
    such as squeeze-and-excitation, are left alone. Names of layers and parameters stay as they are.

    Args:
        module: the classifier; changed in place where the pooling is a module.
        name: what messages call the architecture.

    Returns:
        The classifier with max pooling: `module` itself, or a module that shares its layers.

    Raises:
        RaybenchError: there is no global average pooling, as in AlexNet, VGG and vision transformers.

    Source: Pillai & Pirsiavash, Explainable Models with Consistent Interpretations, AAAI 2021.
    """
    found = _find_pooling_module(module)
    if found is not None:
        parent, child = found
        setattr(parent, child, nn.AdaptiveMaxPool2d(1))
        return module
    replaced = _replace_pooling_call(module)
    if replaced is None:
        raise RaybenchError(
            f"architecture {name!r} has no global average pooling that max pooling could replace; "
            "use pooling: avg, or a network that ends in one, such as a ResNet"
        )
    return replaced


def _find_pooling_module(module: nn.Module) -> tuple[nn.Module, str] | None:
    """Find the last global average pooling among the children and those of sequential children."""
    for name, child in reversed(list(module.named_children())):
        if _pools_globally(child):
            return module, name
        if isinstance(child, nn.Sequential):
            for inner_name, inner in reversed(list(child.named_children())):
                if _pools_globally(inner):
                    return child, inner_name
    return None


def _pools_globally(module: nn.Module) -> bool:
    return isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1), [1, 1])


class _OutermostTracer(fx.Tracer):
    """Traces a network's own `forward` and leaves its children whole, so that hooks on them still fire."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _replace_pooling_call(module: nn.Module) -> nn.Module | None:
    """Rewrite the last global average pooling that `forward` calls as a function; None if there is none."""
    try:
        graph = _OutermostTracer().trace(module)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AssertionError):
        return None  # a forward that depends on its input's values cannot be rewritten
    for node in reversed(graph.nodes):
        if replacement := _max_pooling_for(node):
            node.op, node.target, node.args, node.kwargs = "call_function", replacement, node.args[:1], {}
            graph.lint()
            return fx.GraphModule(module, graph, class_name=type(module).__name__)
    return None


def _max_pooling_for(node: fx.Node) -> Any:
    """Return what to call instead, if the node averages globally."""
    if node.target is F.adaptive_avg_pool2d:
        size = node.args[1] if len(node.args) > 1 else node.kwargs.get("output_size")
        return _max_pooled if size in (1, (1, 1), [1, 1]) else None
    if node.target in ("mean", torch.mean):
        dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        keepdim = node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False)
        if isinstance(dim, (list, tuple)) and sorted(dim) in ([2, 3], [-2, -1]):
            return _max_pooled if keepdim else _max_pooled_flat
    return None


def _max_pooled(features: Tensor) -> Tensor:
    return F.adaptive_max_pool2d(features, 1)


def _max_pooled_flat(features: Tensor) -> Tensor:
    return F.adaptive_max_pool2d(features, 1).flatten(1)
