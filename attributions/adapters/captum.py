"""Methods of captum under the names `captum.*`: attributions, summed over colours.

An optional package (the extra `captum`). Its baseline is the mean colour by default; `baselines: black` or
`white` names another. Features of methods that ask about sets of them are cells of a grid by default.
"""

from __future__ import annotations

import importlib
from typing import Any

from torch import Tensor

from ..asking.copies.masking import filling
from ..asking.copies.segments import segmented
from .theirs import TARGET, Asked, Theirs, checked, register

__all__: list[str] = []

_AT_PIXELS = ("Saliency", "InputXGradient", "DeepLift", "GuidedBackprop", "Deconvolution")
_OF_CELLS = {"FeatureAblation": 50, "ShapleyValueSampling": 1225, "Lime": 25, "KernelShap": 25}
_DRAWING = ("ShapleyValueSampling", "Lime", "KernelShap")
_METHODS = (
    *(Theirs(name, smoothed=True, signed=True) for name in _AT_PIXELS),
    Theirs("IntegratedGradients", smoothed=True, signed=True, passes=50),
    Theirs("GradientShap", smoothed=True, signed=True, seeded=True, passes=5),
    Theirs("NoiseTunnel", smoothed=True, signed=True, seeded=True, passes=5),
    Theirs("GuidedGradCam", TARGET, smoothed=True, signed=True),
    Theirs("LayerGradCam", TARGET, signed=True),
    Theirs("LayerGradientXActivation", TARGET, signed=True),
    Theirs("Occlusion", signed=True, passes=50),
    *(Theirs(name, signed=True, seeded=name in _DRAWING, passes=n) for name, n in _OF_CELLS.items()),
)
_CELLS = 7


def _asked(name: str, query: Asked) -> Tensor:
    """Call a method of captum: (h, w)."""
    library = importlib.import_module("captum.attr")
    kind = getattr(library, name)
    given = checked(f"captum.{name}", kind.attribute, query.arguments)
    if given.get("baselines") in ("black", "white", "mean"):
        given["baselines"] = _colour(query, given["baselines"])
    about = library.Saliency(query.module) if name == "NoiseTunnel" else query.module
    layer = [query.module.get_submodule(query.layer)] if query.layer else []
    asked = kind(about, *layer)
    image = query.image.requires_grad_()
    arguments = _defaults(name, query) | given
    found: Tensor = asked.attribute(image, target=query.class_index, **arguments)
    maps = found.detach()[0]
    # a feature that is hidden in all colours has its relevance in each of them
    return maps[0] if name == "Occlusion" or name in _OF_CELLS else maps.sum(dim=0)


def _colour(query: Asked, fill: Any) -> Tensor:
    """One colour everywhere: (1, 3, H, W)."""
    return filling(query.network, fill).to(query.image).expand_as(query.image).clone()


def _defaults(name: str, query: Asked) -> dict[str, Any]:
    """Arguments that the method would not run without, or ask about every pixel for itself."""
    if name == "GradientShap":
        return {"baselines": _colour(query, "mean")}
    if name == "Occlusion":
        side = min(query.image.shape[2:])
        window, stride = (max(1, round(side * share)) for share in (2 / 7, 1 / 7))
        return {"sliding_window_shapes": (3, window, window), "strides": (3, stride, stride)}
    if name in _OF_CELLS:
        cells = segmented(f"captum.{name}", query.network, query.image[0].detach(), "cells", _CELLS)
        return {"feature_mask": cells.to(query.image.device)}
    return {}


register("captum", "captum", "captum; Kokhlikyan et al., 2020", _METHODS, _asked)
