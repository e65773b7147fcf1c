"""What a network sees of a picture: all of it, a centre crop, or a square; by Pillow or on the device."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import InterpolationMode

from ...base import Size
from ..suite import Protocol
from .transfer import beside

__all__ = [
    "Pixels",
    "View",
    "centre_crop",
    "decode_jpegs",
    "device_view",
    "pillow_view",
    "to_pixels",
    "too_narrow",
    "whole_size",
    "whole_view_size",
]

_MOST_INPUT_PIXELS = 16_000_000  # a network takes some hundred bytes for each

Pixels = NDArray[np.uint8]

View = Literal["whole", "crop", "square"]
"""`whole`: all of the picture, at the protocol's size, for maps; `crop`: the centre crop for top-1 and top-5
accuracy; `square`: squeezed into a square, for F1."""


def pillow_view(image: PIL.Image.Image, view: View, protocol: Protocol) -> Pixels:
    """Resize a decoded picture by Pillow's antialiased bilinear filter: (h, w, 3) uint8."""
    if view == "whole":
        if protocol.fit == "square":
            return to_pixels(image.resize((protocol.short_side,) * 2, PIL.Image.Resampling.BILINEAR))
        return to_pixels(TF.resize(image, [protocol.short_side], InterpolationMode.BILINEAR))
    if view == "crop":
        return to_pixels(centre_crop(image, protocol.crop_resize, protocol.crop))
    return to_pixels(image.resize((protocol.f1_size,) * 2, PIL.Image.Resampling.BILINEAR))


def device_view(picture: Tensor, view: View, protocol: Protocol) -> Tensor:
    """Resize a decoded picture (3, H, W) uint8 where it lies, by torch's antialiased bilinear filter.

    Returns:
        (3, h, w) uint8, of the size that `pillow_view` gives; values may differ from its by a level.
    """
    height, width = picture.shape[1:]
    if view == "whole":
        return _resized(picture, whole_view_size(Size(height, width), protocol))
    if view == "crop":
        resized = _resized(picture, whole_size(Size(height, width), protocol.crop_resize))
        cropped: Tensor = TF.center_crop(resized, [protocol.crop])
        return cropped
    return _resized(picture, Size(protocol.f1_size, protocol.f1_size))


def _resized(picture: Tensor, size: Size) -> Tensor:
    resized = F.interpolate(picture[None].float(), tuple(size), mode="bilinear", antialias=True)[0]
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def whole_view_size(size: Size, protocol: Protocol) -> Size:
    """Height and width of the view `whole` of a picture."""
    side = protocol.short_side
    return Size(side, side) if protocol.fit == "square" else whole_size(size, side)


def whole_size(size: Size, short_side: int) -> Size:
    """Height and width of a picture whose shorter side is resized to `short_side` pixels."""
    longer = int(short_side * max(size) / min(size))  # cut, not rounded, as torchvision does
    return Size(short_side, longer) if size.height <= size.width else Size(longer, short_side)


def too_narrow(stored: Size, views: Collection[View], protocol: Protocol) -> str:
    """Say why a picture of a size is too long and narrow for some views of it; empty if it is not."""
    sides = {"whole": protocol.short_side if protocol.fit == "whole" else 0, "crop": protocol.crop_resize}
    for side in (sides.get(view, 0) for view in sorted(views)):
        size = whole_size(stored, side)
        if size.height * size.width > _MOST_INPUT_PIXELS:
            return (
                f"is {stored.width} x {stored.height} pixels, and {size.width} x {size.height} with a "
                f"shorter side of {side}: too long and narrow; up to {_MOST_INPUT_PIXELS:,} pixels can be "
                "measured"
            )
    return ""


def centre_crop(image: PIL.Image.Image, short_side: int, side: int) -> PIL.Image.Image:
    """Resize the shorter side, then cut a square of `side` pixels from the centre."""
    resized = TF.resize(image, [short_side], InterpolationMode.BILINEAR)
    crop: PIL.Image.Image = TF.center_crop(resized, [side])
    return crop


def to_pixels(image: PIL.Image.Image) -> Pixels:
    """Return the picture as (h, w, 3) uint8."""
    return np.array(image, dtype=np.uint8)


def decode_jpegs(files: Sequence[Pixels], device: torch.device) -> list[Tensor | str]:
    """Decode JPEG files on the device: by nvJPEG on CUDA, by libjpeg-turbo on a CPU.

    What the device cannot decode, Pillow does.

    Args:
        files: the bytes of each, (n,) uint8.
        device: where the pictures are wanted.

    Returns:
        (3, H, W) uint8 RGB on the device for each file, or why it does not decode.
    """
    encoded = [torch.from_numpy(file.copy()) for file in files]  # torch wants memory that it may write to
    try:
        return list(_decode(encoded, device))
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # one of them, but not said which
        return [_decode_alone(file, tensor, device) for file, tensor in zip(files, encoded, strict=True)]


def _decode(encoded: list[Tensor], device: torch.device) -> list[Tensor]:
    from torchvision.io import ImageReadMode, decode_jpeg

    with warnings.catch_warnings():
        # its successor in another package does not decode JPEG on every device that this one does
        warnings.filterwarnings("ignore", message=".*decod.*", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*decod.*", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=".*decod.*", category=FutureWarning)
        with beside(device) as made:
            made += decode_jpeg(encoded, mode=ImageReadMode.RGB, device=device)
    return made


def _decode_alone(file: Pixels, encoded: Tensor, device: torch.device) -> Tensor | str:
    try:
        return _decode([encoded], device)[0]
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        pass
    try:
        with PIL.Image.open(io.BytesIO(file.tobytes())) as picture:
            pixels = to_pixels(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        return str(error)
    return torch.from_numpy(pixels).permute(2, 0, 1).to(device)
