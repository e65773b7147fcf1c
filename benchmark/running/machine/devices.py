"""The device of a run: the one asked for, or that of networks in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ....base import RaybenchError
from ....checkpoints import Network


def pick_device(name: str) -> torch.device:
    """Return the device called `name`, where `auto` is a GPU if there is one.

    Raises:
        RaybenchError: no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RaybenchError(f"unknown device {name!r}; expected auto, cpu or cuda") from None
    if device.type not in ("cpu", "cuda"):
        raise RaybenchError(f"unknown device {name!r}; expected auto, cpu or cuda")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RaybenchError(
            f"device {name!r} was asked for, but this machine has no usable CUDA GPU; use cpu"
        )
    return device


def device_of(asked: str, networks: Sequence[Network]) -> str:
    """Name the device to measure on: with `auto`, that of the networks in memory, if there are any.

    Raises:
        RaybenchError: they are on another device, or on several.
    """
    wanted = str(networks[0].device) if networks and asked == "auto" else asked
    for network in networks:
        if pick_device(wanted).type != network.device.type or network.device != networks[0].device:
            raise RaybenchError(
                f"network {network.name!r} is on {network.device}, and the run is to be on {wanted}; "
                "load all networks to one device, and leave out --device"
            )
    return str(networks[0].device) if networks else wanted
