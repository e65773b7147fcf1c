"""What a network, a method or a metric cannot do, or fails at, becomes one sentence that names it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ...attributions import forward_pass
from ...base import RaybenchError, Size, worded
from ...checkpoints import Network, UnusableScoresError, reader_of
from ..loading import Frame, View, frame_of
from ..suite import Protocol

_MOST_NAMED = 3


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


def refuse_doubtful(network: Network) -> None:
    """Raise `RaybenchError` if scores since the last look were not finite; waits for the device."""
    reader = reader_of(network.module)
    doubt = reader.doubt() if reader else None
    if reader and doubt is not None and doubt:
        raise reader.refuse()


def named(image_ids: Sequence[str]) -> str:
    """List a few ids of images."""
    few = ", ".join(map(repr, image_ids[:_MOST_NAMED]))
    more = f" and {len(image_ids) - _MOST_NAMED} more" if len(image_ids) > _MOST_NAMED else ""
    return f"image{'s' if len(image_ids) > 1 else ''} {few}{more}"


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
