"""Methods of torchcam under the names `torchcam.*`: its maps before they are normalised.

An optional package (the extra `torchcam`; it wants Python 3.11). Its `GradCAMpp` sums another tensor than the
paper's formula.
"""

from __future__ import annotations

import importlib
from typing import Any

from torch import Tensor

from .theirs import TARGET, Asked, Theirs, checked, register

__all__: list[str] = []

_METHODS = (
    Theirs("CAM", TARGET, signed=True),
    *(Theirs(name, TARGET) for name in ("GradCAM", "GradCAMpp", "XGradCAM", "LayerCAM")),
    Theirs("SmoothGradCAMpp", TARGET, seeded=True, passes=4),
    Theirs("ScoreCAM", TARGET, passes=512),
    Theirs("SSCAM", TARGET, seeded=True, passes=17920),
    Theirs("ISCAM", TARGET, passes=5120),
)


def _asked(name: str, query: Asked) -> Tensor:
    """Call a method of torchcam: (h, w)."""
    kind = getattr(importlib.import_module("torchcam.methods"), name)
    arguments: dict[str, Any] = {"input_shape": tuple(query.image.shape[1:])}
    arguments |= checked(f"torchcam.{name}", kind.__init__, query.arguments)
    with kind(query.module, query.layer, **arguments) as extractor:
        scores = query.module(query.image.requires_grad_())
        (found,) = extractor(query.class_index, scores, normalized=False)
    maps: Tensor = found.detach()
    return maps[0]


register("torchcam", "torchcam", "torchcam; Fernandez, 2020", _METHODS, _asked)
