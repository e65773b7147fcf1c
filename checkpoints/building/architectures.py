"""Which module a card means: a torchvision or timm classifier, or a function of an installed package."""

from __future__ import annotations

import importlib
import re
from typing import Any, Literal

import torch
from torch import nn

from ...base import CodeFiles, RaybenchError, UnknownNameError, names_code, without_folder
from ..own import built_by
from .pooling import use_global_max_pooling

__all__ = ["build_module"]

OWN_PACKAGE = __name__.rpartition(".building")[0]
"""Functions of this package may be named by any card; they only build modules."""


def build_module(
    architecture: str, *, num_classes: int, pooling: Literal["avg", "max"] = "avg", trust_code: bool = False
) -> nn.Module:
    """Build a classifier with fresh weights; the random state is left as it was.

    Args:
        architecture: one of

            - a torchvision classifier, such as `resnet18`;
            - `timm:NAME`, a classifier of timm;
            - `FILE.py:function`, called as the next is, if `trust_code` is set;
            - `package.module:function`, called as `function(num_classes=…)`. Importing a module runs its
              code, and a card may come from a stranger: only functions of `raybench.checkpoints` are called,
              unless `trust_code` is set.
        num_classes: length of the logits.
        pooling: `max` replaces the last global average pooling; see `use_global_max_pooling`.
        trust_code: allow functions of any importable module.

    Raises:
        UnknownNameError: torchvision or timm has no such classifier.
        RaybenchError: the function cannot be imported or is not trusted, timm is missing, or the network
            has no global average pooling to replace.
    """
    with torch.random.fork_rng(devices=[]):
        if architecture.startswith("timm:"):
            return _build_timm(architecture.removeprefix("timm:"), num_classes, pooling)
        if names_code(architecture):
            function = CodeFiles(trusted=trust_code).function("architecture", architecture)
            module = built_by(function, f"architecture {without_folder(architecture)!r}", num_classes)
        elif ":" in architecture:
            module = _build_with_function(architecture, num_classes, trust_code)
        else:
            module = _build_torchvision(architecture, num_classes)
    return use_global_max_pooling(module, architecture) if pooling == "max" else module


def _build_torchvision(name: str, num_classes: int) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise UnknownNameError("torchvision architecture", name, known)
    # these two warn unless they are told
    further = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    module: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **further)
    return module


def _build_timm(name: str, num_classes: int, pooling: str) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise RaybenchError(f"architecture 'timm:{name}' needs timm: pip install 'raybench[timm]'") from None
    if not timm.is_model(name):  # also keeps out names that timm would look up on the network
        raise UnknownNameError("timm architecture", name, timm.list_models())
    options: dict[str, Any] = {"global_pool": "max"} if pooling == "max" else {}
    try:
        module: nn.Module = timm.create_model(name, pretrained=False, num_classes=num_classes, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise RaybenchError(f"architecture 'timm:{name}' cannot be built: {error}") from None
    return module


def _build_with_function(path: str, num_classes: int, trust_code: bool) -> nn.Module:
    module_name, _, function_name = path.partition(":")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", path):
        raise RaybenchError(
            f"architecture {path!r} is no package.module:function, such as my_package.nets:small_net"
        )
    if not trust_code and not module_name.startswith(f"{OWN_PACKAGE}."):
        raise RaybenchError(
            f"architecture {path!r} would run code of the package {module_name.partition('.')[0]!r}; "
            "if you trust it and the card, allow it by --trust-code (trust_code=True in Python)"
        )
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except ImportError as error:
        raise RaybenchError(f"architecture {path!r} cannot be imported: {error}") from None
    except AttributeError:
        raise RaybenchError(
            f"architecture {path!r}: {module_name} has no function {function_name!r}"
        ) from None
    return built_by(function, f"architecture {path!r}", num_classes)
