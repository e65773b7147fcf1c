"""Methods of pytorch-grad-cam under the names `pytorch_grad_cam.*`: its maps before they are normalised.

An optional package (the extra `grad-cam`). Its `GradCAMElementWise` is not our `grad_cam_elementwise`, which
it calls HiResCAM. `FullGrad` reads no layer, and its parts are normalised by definition.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from ..layers.layout_trials import layout_of
from ..layers.layouts import as_maps
from .theirs import TARGET, Asked, Theirs, checked, register

__all__: list[str] = []

_NAMES = (
    *("GradCAM", "HiResCAM", "GradCAMElementWise", "GradCAMPlusPlus", "XGradCAM", "LayerCAM"),
    *("EigenCAM", "EigenGradCAM", "KPCA_CAM", "FEM", "FinerCAM"),
)
_METHODS = (
    *(Theirs(name, TARGET) for name in _NAMES),
    Theirs("ScoreCAM", TARGET, passes=512),
    Theirs("AblationCAM", TARGET, passes=512),
    Theirs("RandomCAM", TARGET, seeded=True),
    Theirs("FullGrad"),
)


def _asked(name: str, query: Asked) -> Tensor:
    """Call a method of pytorch-grad-cam: (h, w)."""
    library = importlib.import_module("pytorch_grad_cam")
    targets = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    kind, image = getattr(library, name), query.image.requires_grad_()
    taken: list[Any] = []

    class Kept(kind):  # type: ignore[misc, valid-type]
        def get_cam_image(self, *args: Any, **kwargs: Any) -> Any:
            """Keep the map that is about to be normalised."""
            taken.append(super().get_cam_image(*args, **kwargs))
            return taken[-1]

    layout = layout_of(query.network, query.layer, image.detach()) if query.layer else None

    def reshape(found: Tensor) -> Tensor:
        return as_maps(found, layout) if layout else found

    arguments = checked(f"pytorch_grad_cam.{name}", kind.__call__, query.arguments)
    layers = [query.module.get_submodule(query.layer)] if query.layer else []
    with Kept(query.module, layers, reshape_transform=reshape) as cam:
        normalised = cam(image, [targets.ClassifierOutputTarget(query.class_index)], **arguments)
    return torch.as_tensor((taken or [normalised])[0])[0].detach()


register("pytorch_grad_cam", "grad-cam", "pytorch-grad-cam; Gildenblat et al., 2021", _METHODS, _asked)
