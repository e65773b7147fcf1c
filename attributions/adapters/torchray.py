"""TorchRay's own methods under the names `torchray.*`, so that a table can show the reference beside ours.

TorchRay is an optional package (the extra `torchray`, CC-BY-NC).
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
from torch import Tensor

from ...base import RaybenchError
from .theirs import TARGET, Asked, Theirs, checked, register

__all__: list[str] = []

_EXCITED = ("excitation_layer", "target_layer")
_METHODS = (
    Theirs("grad_cam", TARGET),
    Theirs("gradient", smoothed=True),
    Theirs("excitation_backprop", _EXCITED),
    Theirs("contrastive_excitation_backprop", _EXCITED),
    Theirs("guided_backprop", smoothed=True),
    Theirs("deconvnet", smoothed=True),
    Theirs("linear_approx", TARGET, signed=True),
    Theirs("rise", seeded=True, passes=8000),
    Theirs("extremal_perturbation", passes=800),
)


def _asked(name: str, query: Asked) -> Tensor:
    """Call a method of TorchRay: (h, w)."""
    excitation = importlib.import_module("torchray.attribution.excitation_backprop")
    own_file = importlib.util.find_spec(f"torchray.attribution.{name}") is not None
    module = importlib.import_module(f"torchray.attribution.{name}") if own_file else excitation
    for part in list(query.module.modules()):  # its rule for residual sums wants ResNets patched
        if isinstance(part, excitation.ResNet):
            excitation.update_resnet(part)
    function = getattr(module, name)
    arguments = _defaults(name, query) | checked(f"torchray.{name}", function, query.arguments)
    found = function(query.module, query.image, query.class_index, **arguments)
    return _map(found, query.class_index)


def _defaults(name: str, query: Asked) -> dict[str, Any]:
    """Arguments that the method would not run without, or not as our own methods do."""
    arguments: dict[str, Any] = {"saliency_layer": query.layer} if query.layer else {}
    if name.startswith("contrastive"):
        if query.network.contrast_layer is None and "contrast_layer" not in query.arguments:
            raise RaybenchError(f"torchray.{name} needs a contrast_layer, among its arguments or in the card")
        arguments["contrast_layer"] = query.network.contrast_layer
    if name == "rise":
        arguments["seed"] = torch.initial_seed()
    return arguments


def _map(found: Any, class_index: int) -> Tensor:
    """One map of what a method returned: masks and their history, a map per class, or one map."""
    if isinstance(found, tuple):
        areas: Tensor = found[0].detach()
        return areas.sum(dim=(0, 1))
    maps: Tensor = found.detach()[0]
    return maps[class_index if len(maps) > 1 else 0]


register("torchray", "torchray", "TorchRay; Fong, Patrick & Vedaldi, ICCV 2019", _METHODS, _asked)
