"""Puts tensors into a module: every one must fit, and every mismatch is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ...base import RaybenchError, few
from ..classes import ClassList

_TRACKED = "num_batches_tracked"

_DOTTED = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])(?=\.)")


_COUNTED = ("total_ops", "total_params")
"""What the library thop leaves in the modules whose operations it counts."""


@runtime_checkable
class Translating(Protocol):
    """A module that knows its weights under other names too."""

    def translated(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors as this module names and shapes them; those that fit are returned as they are."""


_AUXILIARY = ("aux1", "aux2", "AuxLogits")
"""Further classifiers of torchvision's GoogLeNet and Inception v3, which only training reads."""


def fill_module(module: nn.Module, tensors: Mapping[str, Tensor], *, name: str, classes: ClassList) -> str:
    """Load tensors into a module, strictly.

    A module that knows a published file of other names and shapes has a method `translated` for it. The names
    that DataParallel adds are taken off, and so is a prefix of all names by which everything fits.
    What only training reads may be missing: `num_batches_tracked`, and auxiliary classifiers, which are then
    taken out of the module.

    Args:
        module: with as many logits as `classes` is long.
        tensors: by name.
        name: what messages call the checkpoint.
        classes: the class list of its card.

    Returns:
        What is to be said of the names; mostly nothing.

    Raises:
        RaybenchError: tensors are missing, left over, of another shape or kind, or not finite.
    """
    _leave_out_auxiliary(module, tensors)
    expected = module.state_dict()
    tensors = {key: one for key, one in tensors.items() if key.rpartition(".")[2] not in _COUNTED}
    tensors = _without_data_parallel(tensors, expected)
    if isinstance(module, Translating):
        tensors = module.translated(tensors)
    tensors, prefix = _without_prefix(tensors, expected)
    missing = [key for key in expected if key not in tensors and not key.endswith(_TRACKED)]
    unexpected = [key for key in tensors if key not in expected]
    if missing or unexpected:
        parts = [f"the weights lack {few(missing)}"] if missing else []
        parts += [f"the network has no place for {few(unexpected)}"] if unexpected else []
        raise RaybenchError(
            f"checkpoint {name!r}: {' and '.join(parts)}; "
            "check the card's architecture, state_dict and strip_prefix"
            + (", or leave out what is no part of it by ignore: [BEGINNING]" if not missing else "")
        )
    _check_shapes(tensors, expected, name, classes)
    tensors = {key: _as_count(one) if key.endswith(_TRACKED) else one for key, one in tensors.items()}
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
    expected.update(tensors)  # it carries the versions of the modules, which some read
    module.load_state_dict(expected)
    return f"the names of its tensors begin with {prefix!r}, which was taken off" if prefix else ""


def named_as(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return tensors under the names that a network expects, and the prefix that was taken off for it."""
    return _without_prefix(_without_data_parallel(tensors, expected), expected)


def _leave_out_auxiliary(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Take auxiliary classifiers that a file lacks out of a module."""
    for child in _AUXILIARY:
        if getattr(module, child, None) is not None and not any(f".{child}." in f".{key}" for key in tensors):
            setattr(module, child, None)


def _as_count(tensor: Tensor) -> Tensor:
    """Turn a count that was saved in floating point, as half precision does, into an integer."""
    whole = tensor.is_floating_point() and bool((tensor == tensor.round()).all())
    return tensor.long() if whole else tensor


def _without_prefix(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], str]:
    """Take off the only prefix by which every expected name is there, if there is one and it is needed."""
    wanted = [key for key in expected if not key.endswith(_TRACKED)]
    if not wanted or all(key in tensors for key in wanted):
        return dict(tensors), ""
    prefixes = {key[: -len(wanted[0])] for key in tensors if key.endswith(f".{wanted[0]}")}
    fitting = [one for one in prefixes if all(f"{one}{key}" in tensors for key in wanted)]
    if len(fitting) != 1:
        return dict(tensors), ""
    return {key.removeprefix(fitting[0]): tensor for key, tensor in tensors.items()}, fitting[0]


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
