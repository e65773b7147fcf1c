"""Whether maps and values are what methods and metrics promise; what is not is refused with its name."""

from __future__ import annotations

import torch
from torch import Tensor

from ...attributions import BoundAttribution
from ...base import RaybenchError
from ..metrics import Metric, SaliencyBatch

_ROUNDING = 1e-6


def check_shape(method: BoundAttribution, maps: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse what a method returned unless it is float (N, h, w) and its shape begins with `shape`."""
    expected = ", ".join(map(str, shape)) + (", h, w" if len(shape) == 1 else "")
    if not isinstance(maps, Tensor):
        raise RaybenchError(
            f"attribution {method.label!r} returned a {type(maps).__name__}; expected a tensor ({expected})"
        )
    if maps.ndim != 3 or tuple(maps.shape[: len(shape)]) != shape or not maps.shape[1] * maps.shape[2]:
        raise RaybenchError(
            f"attribution {method.label!r} returned maps {tuple(maps.shape)}; expected ({expected})"
        )
    if not maps.is_floating_point():
        raise RaybenchError(
            f"attribution {method.label!r} returned maps of {maps.dtype}; expected floating-point numbers"
        )


def below_zero(maps: Tensor) -> Tensor:
    """The least value of each map (N, h, w), where it is below zero by more than rounding, else 0: (N,)."""
    low, high = maps.amin(dim=(1, 2)), maps.amax(dim=(1, 2))  # a tenth of the time of aminmax
    return torch.where(low < -_ROUNDING * high.clamp(min=0), low, 0.0).nan_to_num(0.0, neginf=0.0)


def refuse_negative(method: str, low: float, image_id: str, class_index: int) -> None:
    """Raise `RaybenchError` for a map of a method, if its least value is below zero."""
    if low < 0:
        place = f"image {image_id!r}, class {class_index}" if image_id else f"class {class_index}"
        raise RaybenchError(
            f"attribution {method!r} returned a map with negative values, down to {low:.3g} "
            f"({place}); scores are shares of what a map holds, so return none, or "
            "register the method as signed, and let `sign` choose what is scored"
        )


def refuse_outside(metric: Metric, value: float, image_id: str, class_index: int) -> None:
    """Raise `RaybenchError` for a value of a metric that is no number, or out of its bounds."""
    if value != value and not metric.may_be_missing:
        what = "NaN, which is no number"
    elif value == value and not metric.allows(value):
        what = f"{value:g}, outside of its bounds {metric.bounds}"
    else:
        return
    raise RaybenchError(
        f"metric {metric.name!r} returned {what} (image {image_id!r}, class {class_index}); mend the "
        "metric, or register it with other bounds, or with may_lack if it has no value for some maps"
    )


def values_of(metric: Metric, found: object, given: SaliencyBatch) -> Tensor:
    """Return what a metric of maps has found as values (N,) float64, or refuse it."""
    if not isinstance(found, Tensor) or found.shape != (len(given.saliency),) or found.is_complex():
        raise RaybenchError(
            f"metric {metric.name!r} returned {_described(found)}; expected one number for each of "
            f"the {len(given.saliency)} queries, a tensor ({len(given.saliency)},)"
        )
    return found.to(given.saliency.device, torch.float64)


def sums_of(metric: Metric, found: object, given: SaliencyBatch) -> Tensor:
    """Return what a metric of the set has found as statistics (N, K) int64, or refuse it."""
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(given.saliency):
        raise RaybenchError(
            f"metric {metric.name!r} returned {_described(found)}; expected a row of statistics for "
            f"each of the {len(given.saliency)} queries, int64 ({len(given.saliency)}, K)"
        )
    if found.dtype != torch.int64:
        raise RaybenchError(
            f"metric {metric.name!r} returned statistics of {found.dtype}; expected torch.int64"
        )
    return found


def _described(found: object) -> str:
    if isinstance(found, Tensor):
        return f"a tensor {tuple(found.shape)}" + (f" of {found.dtype}" if found.is_complex() else "")
    return f"a {type(found).__name__}"
