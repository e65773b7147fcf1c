"""Puts tensors into a module: every one must fit, and every mismatch is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ..classes import ClassList

__all__ = ["fill_module"]

_DOTTED = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])(?=\.)")


def fill_module(module: nn.Module, tensors: Mapping[str, Tensor], *, name: str, classes: ClassList) -> None:
    """Load tensors into a module, strictly.

    The names that DataParallel adds are taken off. `num_batches_tracked`, which old files lack and which
    only training reads, may be missing.

    Args:
        module: with as many logits as `classes` is long.
        tensors: by name.
        name: what messages call the checkpoint.
        classes: the class list of its card.

    Raises:
        RaybenchError: tensors are missing, left over, of another shape or kind, or not finite.
    """
    expected = module.state_dict()
    tensors = _without_data_parallel(tensors, expected)
    missing = [key for key in expected if key not in tensors and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in tensors if key not in expected]
    if missing or unexpected:
        parts = [f"the weights lack {_some(missing)}"] if missing else []
        parts += [f"the network has no place for {_some(unexpected)}"] if unexpected else []
        raise RaybenchError(
            f"checkpoint {name!r}: {' and '.join(parts)}; "
            "check the card's architecture, state_dict and strip_prefix"
        )
    _check_shapes(tensors, expected, name, classes)
    for key, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise RaybenchError(
                f"checkpoint {name!r}: {key} is sparse or quantised; save the weights as dense tensors"
            )
        if tensor.is_floating_point() != expected[key].is_floating_point():
            raise RaybenchError(
                f"checkpoint {name!r}: {key} is {tensor.dtype}, expected {expected[key].dtype}"
            )
        if not torch.isfinite(tensor).all():
            raise RaybenchError(
                f"checkpoint {name!r}: {key} holds values that are not finite; the file is damaged"
            )
    module.load_state_dict({**expected, **tensors})


def _without_data_parallel(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Take `module` out of dotted names, where DataParallel put it around the network or a part of it.

    The numbers of DenseNet's inner layers lose the dot that torchvision's own files write before them.
    """

    def plain(key: str) -> str:
        key = key if key in expected else _DOTTED.sub(r"\1\2", key)
        parts = key.split(".")
        places = [index for index, part in enumerate(parts) if part == "module"]
        without_one = [".".join(parts[:index] + parts[index + 1 :]) for index in places]
        # A network may have a layer of that name itself, so what it expects comes first.
        return next((name for name in (key, *without_one) if name in expected), key)

    return {plain(key): tensor for key, tensor in tensors.items()}


def _check_shapes(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str, classes: ClassList
) -> None:
    wrong = [key for key in tensors if tensors[key].shape != expected[key].shape]
    if not wrong:
        return
    counts = {len(tensors[key]) if tensors[key].ndim else 0 for key in wrong}
    is_head = all(
        expected[key].shape[:1] == (len(classes),) and expected[key].shape[1:] == tensors[key].shape[1:]
        for key in wrong
    )
    if is_head and len(counts) == 1:
        raise RaybenchError(
            f"checkpoint {name!r}: the weights are for {counts.pop()} classes, but the class list "
            f"{classes.name!r} has {len(classes)}; check the card's classes"
        )
    key = wrong[0]
    raise RaybenchError(
        f"checkpoint {name!r}: {key} has shape {tuple(tensors[key].shape)}, but the network's is "
        f"{tuple(expected[key].shape)}{f' ({len(wrong)} tensors differ)' if len(wrong) > 1 else ''}; "
        "check the card's architecture and classes"
    )


def _some(keys: Iterable[str]) -> str:
    keys = list(keys)
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
