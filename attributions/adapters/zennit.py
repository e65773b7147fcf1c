"""Composites of zennit under the names `zennit.*`: relevance as it hands it down, summed over colours.

An optional package (the extra `zennit`). It sees modules alone, and knows how to prepare ResNets and VGGs of
torchvision; of other networks, those that call functions are handed down by their gradient, without a word.
Its merged batch normalisations keep an epsilon, so that scores of prepared networks move in their fourth
digit.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from .theirs import Asked, Theirs, checked, register

__all__: list[str] = []

_RELEVANCE = (
    *("EpsilonPlusFlat", "EpsilonPlus", "EpsilonAlpha2Beta1Flat", "EpsilonAlpha2Beta1", "EpsilonGammaBox"),
    "ExcitationBackprop",
)
_GRADIENTS = ("GuidedBackprop", "DeconvNet")
_METHODS = (*(Theirs(name, smoothed=True, signed=True) for name in (*_RELEVANCE, *_GRADIENTS)),)
_PREPARED = {"ResNet": "ResNetCanonizer", "VGG": "VGGCanonizer"}


def _asked(name: str, query: Asked) -> Tensor:
    """Hand down by a composite of zennit: (H, W)."""
    composites = importlib.import_module("zennit.composites")
    attribution = importlib.import_module("zennit.attribution")
    kind = getattr(composites, name)
    arguments: dict[str, Any] = checked(f"zennit.{name}", kind.__init__, query.arguments)
    if name == "EpsilonGammaBox":
        low, high = (end.to(query.image).expand_as(query.image) for end in query.network.input_range)
        arguments = {"low": low, "high": high} | arguments

    def start(scores: Tensor) -> Tensor:
        chosen = torch.zeros_like(scores)
        chosen[:, query.class_index] = 1
        return chosen if name in _GRADIENTS else chosen * scores.detach()

    composite = kind(canonizers=[_canonizer(query)], **arguments)
    with attribution.Gradient(query.module, composite) as attributor:
        _, relevance = attributor(query.image, start)
    found: Tensor = relevance.detach()[0].sum(dim=0)
    return found


def _canonizer(query: Asked) -> Any:
    """What prepares a network: chosen by its architecture."""
    name = _PREPARED.get(type(query.module).__name__)
    if name:
        return getattr(importlib.import_module("zennit.torchvision"), name)()
    return importlib.import_module("zennit.canonizers").SequentialMergeBatchNorm()


register("zennit", "zennit", "zennit; Anders et al., 2021", _METHODS, _asked)
