"""Whether a network takes the pictures that a protocol shows it, and what to do if it does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ...attributions import forward_pass
from ...base import RaybenchError
from ...checkpoints import Network
from ..loading import View
from ..suite import Protocol

__all__ = ["check_input_size", "sizes_explained"]


def check_input_size(network: Network, protocol: Protocol, views: Collection[View]) -> None:
    """Raise `RaybenchError` if a network that takes one size alone is shown another by one of the views."""
    if network.input_size is None:
        return
    height, width = network.input_size
    side, crop, f1_size = protocol.short_side, protocol.crop, protocol.f1_size
    shown, fields = [], []
    if "whole" in views and (protocol.fit, side, side) != ("square", height, width):
        if protocol.fit == "square":
            shown.append(f"whole pictures squeezed into {side} x {side}")
        else:
            shown.append(f"whole pictures with a shorter side of {side}")
            fields.append("fit: square")
        fields.append(f"short_side: {height}")
    if "crop" in views and (crop, crop) != (height, width):
        shown.append(f"crops of {crop} x {crop}")
        fields += [f"crop: {height}", f"crop_resize: {max(height, protocol.crop_resize)}"]
    if "square" in views and (f1_size, f1_size) != (height, width):
        shown.append(f"squares of {f1_size} x {f1_size}")
        fields.append(f"f1_size: {height}")
    if shown:
        way_out = f"set its fields {', '.join(fields)} (protocol 'square' is for networks of 224 x 224)"
        if height != width:
            way_out = "no protocol shows every picture in one size that is no square"
        raise RaybenchError(
            f"checkpoint {network.name!r} takes pictures of {height} x {width} alone, and protocol "
            f"{protocol.name!r} shows it {' and '.join(shown)}; {way_out}"
        )


@contextmanager
def sizes_explained(network: Network, images: Tensor) -> Iterator[None]:
    """While open, an error inside the network becomes one sentence if bare inference fails on the images too.

    Raises:
        RaybenchError: the network does not take images (B, 3, H, W) of this size.
    """
    try:
        yield
    except (RaybenchError, torch.OutOfMemoryError):
        raise
    except Exception:
        reason = _failure(network, images[:1])
        if reason is None:
            raise
        height, width = images.shape[2:]
        raise RaybenchError(
            f"checkpoint {network.name!r} fails on a picture of {height} x {width}: {reason}; if it takes "
            "one size alone, name it in its card (input_size: [HEIGHT, WIDTH]) and use a protocol of that "
            "size, such as {name: square, short_side: 224}"
        ) from None


def _failure(network: Network, image: Tensor) -> str | None:
    """Say in a line why the network itself fails on an image; None if it does not."""
    try:
        with torch.no_grad(), forward_pass(network.device):
            network.module(image)
    except torch.OutOfMemoryError:
        return None
    except Exception as error:
        return (str(error) or type(error).__name__).splitlines()[0]
    return None
