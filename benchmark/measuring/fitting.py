"""Whether a network takes the pictures that a protocol shows it."""

from __future__ import annotations

from collections.abc import Collection

from ...base import RaybenchError
from ...checkpoints import Network
from ..loading import View
from ..suite import Protocol

__all__ = ["check_input_size"]


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
