"""What a network, a method or a metric cannot do, or fails at, becomes one sentence that names it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ...attributions import BoundAttribution, forward_pass
from ...base import RaybenchError, Size, few, worded
from ...checkpoints import Network, UnusableScoresError, reader_of
from ..loading import Frame, View, frame_of
from ..metrics import Metric, SaliencyBatch
from ..suite import Protocol


@contextmanager
def failures_told(
    thing: str,
    image_ids: Sequence[str] = (),
    *,
    network: Network | None = None,
    images: Tensor | None = None,
) -> Iterator[None]:
    """While open, an error of others' code becomes a sentence; the first one stays its cause.

    Args:
        thing: what runs, such as `attribution 'mine'`.
        image_ids: of the pictures that it runs on.
        network: the checkpoint, where its own forward pass may be to blame.
        images: (B, 3, H, W), what it is shown.

    Raises:
        RaybenchError: what runs has failed.
    """
    version = None if images is None else images._version
    try:
        yield
        if network is not None and images is not None and images._version != version:
            raise RaybenchError(
                f"checkpoint {network.name!r}, or {thing}, changes its input in place, so that whoever runs "
                "next sees another picture; let it compute with a copy: x = x - 0.5 and not x -= 0.5"
            )
    except UnusableScoresError as error:
        raise RaybenchError(f"{error}{_on(image_ids)}") from error
    except (RaybenchError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        failed = _failure(network, images[:1]) if network is not None and images is not None else None
        if failed is None or network is None or images is None:
            raise RaybenchError(f"{thing} has failed{_on(image_ids)}: {worded(error)}") from error
        height, width = images.shape[2:]
        raise RaybenchError(
            f"checkpoint {network.name!r} fails on a picture of {height} x {width}{_on(image_ids)}: "
            f"{worded(failed)}; if it takes one size alone, name it in its card (input_size: [HEIGHT, "
            "WIDTH]) and use protocol native"
        ) from failed


def told_logits(network: Network, images: Tensor, image_ids: Sequence[str] = ()) -> Tensor:
    """Logits (B, C) float32 of inputs (B, 3, H, W); a failure of the network becomes a sentence."""
    told = failures_told(f"checkpoint {network.name!r}", image_ids, network=network, images=images)
    with told, forward_pass(network.device):
        logits: Tensor = network.module(images)
    return logits.float()


def refuse_doubtful(network: Network) -> None:
    """Raise `RaybenchError` if scores since the last look were not finite; waits for the device."""
    reader = reader_of(network.module)
    doubt = reader.doubt() if reader else None
    if reader and doubt is not None and doubt:
        raise reader.refuse()


def named(image_ids: Sequence[str]) -> str:
    """List a few ids of images."""
    return f"image{'s' if len(image_ids) > 1 else ''} {few(map(repr, image_ids))}"


def _on(image_ids: Sequence[str]) -> str:
    return f" ({named(image_ids)})" if image_ids else ""


def _failure(network: Network, image: Tensor) -> Exception | None:
    """Return what the network itself raises on an image (1, 3, H, W); None if it works."""
    try:
        with torch.no_grad(), forward_pass(network.device):
            network.module(image)
    except torch.OutOfMemoryError:
        return None
    except Exception as error:
        return error
    return None


def check_input_size(network: Network, protocol: Protocol, views: Collection[View]) -> None:
    """Raise `RaybenchError` if a network that takes one size alone is shown another by one of the views.

    One that does not say so itself is tried, if its own size is known.
    """
    frames = {view: frame_of(view, protocol, network.card) for view in sorted(set(views))}
    if network.input_size is None:
        for frame in frames.values():
            _try_size(network, frame, protocol)
        return
    height, width = network.input_size
    wrong = [frame for frame in frames.values() if frame.fixed != (height, width)]
    if not wrong:
        return
    if protocol.input == "network":
        shown = wrong[0].fixed
        raise RaybenchError(
            f"checkpoint {network.name!r} takes pictures of {height} x {width} alone, and protocol "
            f"{protocol.name!r} shows it "
            + (f"{shown.height} x {shown.width}" if shown else "whole pictures with their aspect ratio")
            + (f"; write input: {{size: [{height}, {width}]}} into its card" if shown else "; use native")
        )
    side, crop, f1_size = protocol.short_side, protocol.crop, protocol.f1_size
    told, fields = [], []
    if "whole" in views and (protocol.fit, side, side) != ("square", height, width):
        if protocol.fit == "square":
            told.append(f"whole pictures squeezed into {side} x {side}")
        else:
            told.append(f"whole pictures with a shorter side of {side}")
            fields.append("fit: square")
        fields.append(f"short_side: {height}")
    if "crop" in views and (crop, crop) != (height, width):
        told.append(f"crops of {crop} x {crop}")
        fields += [f"crop: {height}", f"crop_resize: {max(height, protocol.crop_resize)}"]
    if "square" in views and (f1_size, f1_size) != (height, width):
        told.append(f"squares of {f1_size} x {f1_size}")
        fields.append(f"f1_size: {height}")
    way_out = f", or set its fields {', '.join(fields)}" if height == width else ""
    raise RaybenchError(
        f"checkpoint {network.name!r} takes pictures of {height} x {width} alone, and protocol "
        f"{protocol.name!r} shows it {' and '.join(told)}; use protocol native{way_out}"
    )


def _try_size(network: Network, frame: Frame, protocol: Protocol) -> None:
    """Show a network a blank of the size that an oblong picture has in a frame, else of its own size."""
    own = network.card.input.size
    shown = frame.view_size(Size(300, 400))
    if own is None or shown == own:
        return
    failed = _failure_on(network, shown)
    if failed and not _failure_on(network, Size(*own)):
        raise RaybenchError(
            f"checkpoint {network.name!r} takes its own {own[0]} x {own[1]} and fails on pictures of "
            f"{shown.height} x {shown.width}, as protocol {protocol.name!r} may show it ({failed}); use "
            "protocol native"
        )


def _failure_on(network: Network, size: Size) -> str:
    """Word how a network fails on a blank picture of a size; empty if it does not."""
    blank = torch.zeros(1, 3, *size, device=network.device)
    try:
        with torch.no_grad(), forward_pass(network.device):
            network.module(blank)
    except torch.OutOfMemoryError:
        return ""  # the run says it, and what to do
    except Exception as error:  # networks fail in any way
        return worded(error)
    return ""


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
