"""From prepared images to the network's input, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...checkpoints import Network
from ..suite import Protocol
from .frames import View, frame_of
from .preparation import Prepared
from .transfer import send_stacked
from .views import decode_jpegs, device_view


def network_input(
    network: Network, images: Sequence[Prepared], view: View, protocol: Protocol, device: torch.device
) -> Tensor:
    """Return one view of each image, of equal sizes, as the network wants it: (B, 3, h, w), channels-last."""
    if protocol.resize != "device":
        pixels = send_stacked([image.views[view] for image in images], device).permute(0, 3, 1, 2)
    else:
        frame = frame_of(view, protocol, network.card)
        seen = [device_view(_picture(image), frame) for image in images]
        pixels = torch.stack(seen).contiguous(memory_format=torch.channels_last)
    return network.normalise(pixels)


def decoded(images: Sequence[Prepared], device: torch.device) -> list[Prepared]:
    """Send the pictures that the device resizes, each once, and decode there what the workers left encoded.

    Returns:
        The images, with `picture` (3, H, W) uint8 on the device; one whose file is damaged gets an `error`.
    """
    images = [_sent(image, device) for image in images]
    files = {
        image.image_id: image.picture
        for image in images
        if isinstance(image.picture, np.ndarray) and image.picture.ndim == 1
    }
    found = dict(zip(files, decode_jpegs(list(files.values()), device), strict=True)) if files else {}
    return [_with_picture(image, found.get(image.image_id)) for image in images]


def _with_picture(image: Prepared, picture: Tensor | str | None) -> Prepared:
    if isinstance(picture, str):
        return Prepared(image.image_id, image.path, error=f"cannot read {image.path}: {picture}")
    return image if picture is None else replace(image, picture=picture)


def _sent(image: Prepared, device: torch.device) -> Prepared:
    if isinstance(image.picture, np.ndarray) and image.picture.ndim == 3:
        return replace(image, picture=send_stacked([image.picture], device)[0].permute(2, 0, 1))
    return image


def _picture(image: Prepared) -> Tensor:
    assert isinstance(image.picture, Tensor), "the picture was not sent to the device"
    return image.picture
