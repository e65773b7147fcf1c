"""Which module a card means: a classifier of torchvision, timm or transformers, or what a function builds."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn

from ...base import CodeFiles, RaybenchError, UnknownNameError, names_code, without_folder, worded
from ..libraries import hugging_face
from ..own import built_by
from .pooling import use_global_max_pooling

OWN_PACKAGE = __name__.rpartition(".building")[0]
"""Functions of this package may be named by any card; they only build modules."""


_GIVEN_ELSEWHERE = {
    "pretrained": "weights",
    "weights": "weights",
    "checkpoint_path": "weights",
    "num_classes": "classes",
    "transform_input": "transform_input",
}
"""Keywords of libraries' networks that have a field of the card."""


def build_module(
    architecture: str,
    *,
    num_classes: int,
    pooling: Literal["avg", "max"] = "avg",
    options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    trust_code: bool = False,
) -> nn.Module:
    """Build a classifier with fresh weights; the random state is left as it was.

    Args:
        architecture: one of

            - a torchvision classifier, such as `resnet18`;
            - `timm:NAME`, a classifier of timm;
            - `hf:OWNER/NAME`, `hf:OWNER/NAME@REVISION` or `hf:FOLDER`, one of transformers;
            - `FILE.py:function`, called as the next is, if `trust_code` is set;
            - `package.module:function`, called as `function(num_classes=…)`. Importing a module runs its
              code, and a card may come from a stranger: only functions of `raybench.checkpoints` are called,
              unless `trust_code` is set.
        num_classes: length of the logits.
        pooling: `max` replaces the last global average pooling; see `use_global_max_pooling`.
        options: further keywords for whatever builds the network.
        seed: draw weights that are the same each time, and none of zeros, which libraries leave in heads.
        trust_code: allow functions of any importable module.

    Raises:
        UnknownNameError: torchvision or timm has no such classifier.
        RaybenchError: the function cannot be imported or is not trusted, timm is missing, or the network
            has no global average pooling to replace.
    """
    options = dict(options or {})
    for keyword in options.keys() & _GIVEN_ELSEWHERE.keys():
        raise RaybenchError(
            f"architecture_options of {architecture!r} hold {keyword!r}; say it by the card's "
            f"{_GIVEN_ELSEWHERE[keyword]}"
        )
    library, colon, name = architecture.partition(":")
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        if colon and library == "timm":
            module = _build_timm(name, num_classes, pooling, options)
        elif colon and library == "hf":
            module = hugging_face.build(name, num_classes, options)
        elif names_code(architecture):
            function = CodeFiles(trusted=trust_code).function("architecture", architecture)
            named = f"architecture {without_folder(architecture)!r}"
            module = built_by(function, named, num_classes, options)
        elif colon:
            module = _build_with_function(architecture, num_classes, options, trust_code)
        else:
            module = _build_torchvision(architecture, num_classes, options)
        if seed is not None:
            _draw_zeros(module)
    return use_global_max_pooling(module, architecture) if pooling == "max" and library != "timm" else module


def _draw_zeros(module: nn.Module) -> None:
    """Draw the matrices that a library fills with zeros: scores of such a head say nothing of the picture."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.normal_(std=0.02)


def _build_torchvision(name: str, num_classes: int, options: Mapping[str, Any]) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise UnknownNameError("torchvision architecture", name, known)
    # these two warn unless they are told
    further = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    with _told(name):
        module: nn.Module = models.get_model(
            name, weights=None, num_classes=num_classes, **{**further, **options}
        )
    return module


def _build_timm(name: str, num_classes: int, pooling: str, options: Mapping[str, Any]) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise RaybenchError(f"architecture 'timm:{name}' needs timm: pip install 'raybench[timm]'") from None
    if not timm.is_model(name):  # also keeps out names that timm would look up on the network
        raise UnknownNameError("timm architecture", name, timm.list_models())
    pooled = {"global_pool": "max"} if pooling == "max" else {}
    with _told(f"timm:{name}"):
        module: nn.Module = timm.create_model(
            name, pretrained=False, num_classes=num_classes, **{**pooled, **options}
        )
    return module


@contextmanager
def _told(architecture: str) -> Iterator[None]:
    """Put what a library says of keywords that it does not take into one sentence."""
    try:
        yield
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise RaybenchError(f"architecture {architecture!r} cannot be built: {worded(error)}") from None


def _build_with_function(
    path: str, num_classes: int, options: Mapping[str, Any], trust_code: bool
) -> nn.Module:
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
    return built_by(function, f"architecture {path!r}", num_classes, options)
