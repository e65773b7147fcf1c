"""Gradients with another rule at rectifiers: guided backprop, deconvnet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ....base import RaybenchError
from ...asking.rules import calls
from ...asking.rules.backward_rules import Rules, rows
from ...asking.rules.handing_down import check_rules, handed_to_pixels
from ...interface import NetworkLike, Passes, attribution
from ...signs import Colours, over_colours, signed_by_colours
from ..activation.cam import grad_cam

_RECTIFIERS = (*calls.RELUS, F.relu6, F.hardtanh)


class _Rectified(torch.autograd.Function):
    """Pass on what is positive; if guided, only where the rectifier itself has a slope."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, call: Callable[[Tensor], Tensor], guided: bool) -> Tensor:
        before = inputs.clone() if guided else None
        result = call(inputs)
        ctx.open = (result > 0) & (result == before) if before is not None else None
        if result is inputs:
            ctx.mark_dirty(inputs)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None, None]:
        passed = received.clamp(min=0)
        return (passed if ctx.open is None else passed * ctx.open), None, None


def _rectifiers(*, guided: bool) -> dict[Callable[..., Any], Any]:
    def ruled(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        options = dict(kwargs)
        inputs, *others = args or (options.pop("input"),)
        if not inputs.requires_grad:
            return func(*args, **kwargs)
        return _Rectified.apply(inputs, lambda signal: func(signal, *others, **options), guided)

    return rows(_RECTIFIERS, ruled)


_GUIDED, _DECONVNET = _rectifiers(guided=True), _rectifiers(guided=False)


def _has_rectifiers(network: NetworkLike) -> None:
    """Refuse networks that make no call of a rectifier."""
    seen = False

    def note(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal seen
        seen = True
        return func(*args, **kwargs)

    check_rules(network, rows(_RECTIFIERS, note))
    if not seen:
        raise RaybenchError(
            "the method changes what flows back through ReLUs, and the network has none; choose gradient, or "
            "another method that needs none"
        )


def _twice_back(_options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=1, backwards_per_query=2)


@attribution(
    "guided_backprop",
    smoothed=True,
    source="Springenberg et al., ICLR workshop 2015",
    family="gradient",
    signed=signed_by_colours,
    check=_has_rectifiers,
    fits="ReLUs alone",
)
def guided_backprop(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    colours: Colours = "max",
) -> Tensor:
    """Guided backprop: the gradient, of which ReLUs pass on the positive part alone, where they are active.

    Args:
        network: a classifier with ReLUs, as modules or functions.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        colours: how three colours become one number.

    Returns:
        (N, H, W) float32; signed where colours are summed.

    Raises:
        RaybenchError: the network has no ReLU.

    Source: Springenberg et al., "Striving for Simplicity: The All Convolutional Net", ICLR workshop 2015.
    """
    return over_colours(handed_to_pixels(network, images, image_index, class_index, _GUIDED), colours)


@attribution(
    "deconvnet",
    smoothed=True,
    source="Zeiler & Fergus, ECCV 2014",
    family="gradient",
    signed=signed_by_colours,
    check=_has_rectifiers,
    fits="ReLUs alone",
)
def deconvnet(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    colours: Colours = "max",
) -> Tensor:
    """Deconvnet: the gradient, of which ReLUs pass on the positive part alone, active or not.

    Max pooling hands back to the places of its maxima. Arguments and result as for `guided_backprop`.

    Source: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    """
    return over_colours(handed_to_pixels(network, images, image_index, class_index, _DECONVNET), colours)


@attribution(
    "guided_grad_cam",
    smoothed=True,
    source="Selvaraju et al., ICCV 2017",
    family="gradient",
    passes=_twice_back,
    check=_has_rectifiers,
    fits="ReLUs alone",
)
def guided_grad_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """Guided Grad-CAM: guided backprop times Grad-CAM enlarged, the sum of absolute values over colours.

    Arguments as for `guided_backprop`; `layer` is where Grad-CAM is read. The result is not signed.

    Source: Selvaraju et al., "Grad-CAM", ICCV 2017.
    """
    guided = handed_to_pixels(network, images, image_index, class_index, _GUIDED)
    maps = grad_cam(network, images, image_index, class_index, layer=layer)
    large = F.interpolate(maps[:, None], images.shape[2:], mode="bilinear", align_corners=False)
    return (guided * large).abs().sum(dim=1).float()
