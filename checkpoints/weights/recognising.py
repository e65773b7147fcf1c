"""Tells by the names and shapes of its tensors which torchvision network a weight file is of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..building.architectures import build_module
from ..card import WeightSource
from .files import read_tensors
from .selecting import select_tensors
from .state_dict import named_as

_CLASSES = 1000


def architecture_of(path: Path) -> tuple[str, int] | None:
    """Return the torchvision classifier that a file's tensors fit, and how many classes it answers.

    The head may be for any number of classes. None if none fits: networks of other libraries, one's own, and
    RegNets, which cannot be laid out without their weights.

    Raises:
        RaybenchError: the file cannot be read, or holds no state dict, or several.
    """
    tensors, _ = select_tensors(read_tensors(path), WeightSource(path=str(path)), path)
    for name, module in _laid_out():
        outputs = _outputs(module, tensors)
        if outputs:
            return name, outputs
    return None


def _laid_out() -> Iterator[tuple[str, nn.Module]]:
    """Yield torchvision's classifiers without memory for their weights, each when it is asked for."""
    from torchvision import models

    # ResNets first, which most people train: laying all others out takes seconds
    for name in sorted(models.list_models(module=models), key=lambda one: not one.startswith("resnet")):
        if name.startswith("regnet"):
            continue
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")
            yield name, build_module(name, num_classes=_CLASSES)


def _outputs(module: nn.Module, tensors: Mapping[str, Tensor]) -> int | None:
    """Return the number of outputs of the tensors' network if they fit the module but for its head."""
    expected = module.state_dict()
    wanted = _shapes(expected)
    shapes = _shapes(named_as(expected, tensors)[0])
    needed = {key for key in wanted if not key.lower().startswith("aux")}  # which only training reads
    if not needed <= shapes.keys() <= wanted.keys():
        return None
    other = [key for key in shapes if shapes[key] != wanted[key]]
    heads = {shapes[key][:1] for key in other if (_CLASSES, *shapes[key][1:]) == wanted[key]}
    fits = len(heads) == 1 and all((_CLASSES, *shapes[key][1:]) == wanted[key] for key in other)
    return _CLASSES if not other else next(iter(heads))[0] if fits else None


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(one.shape) for key, one in tensors.items() if not key.endswith("num_batches_tracked")}
