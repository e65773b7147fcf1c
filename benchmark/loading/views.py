"""What a network sees of a picture, made by Pillow or on the device."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
import torchvision.transforms.functional as TF
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import InterpolationMode

from ...base import RaybenchError, Size
from ..suite import Protocol
from .frames import Filter, Frame
from .transfer import beside

_MOST_INPUT_PIXELS = 16_000_000  # a network takes some hundred bytes for each

Pixels = NDArray[np.uint8]

_FILTERS = {name: PIL.Image.Resampling[name.upper()] for name in get_args(Filter)}


def pillow_view(image: PIL.Image.Image, frame: Frame) -> Pixels:
    """Resize a decoded picture by Pillow's antialiased filters, and cut its centre out: (h, w, 3) uint8."""
    height, width = frame.resized(Size(image.height, image.width))
    resized = image.resize((width, height), _FILTERS[frame.filter])
    return to_pixels(resized if frame.crop is None else TF.center_crop(resized, list(frame.crop)))


def plain_view(image: PIL.Image.Image, frame: Frame) -> NDArray[np.float32]:
    """Resize a decoded picture without antialiasing, as TorchRay does: (h, w, 3), 0 to 1, not rounded.

    Raises:
        RaybenchError: another filter is asked for.
    """
    if frame.filter != "bilinear":
        raise RaybenchError(f"resize: plain is bilinear, not {frame.filter}; use resize: pillow")
    picture = torch.from_numpy(to_pixels(image)).permute(2, 0, 1)[None].float().div_(255)
    size = frame.resized(Size(image.height, image.width))
    resized = F.interpolate(picture, tuple(size), mode="bilinear", align_corners=False)[0]
    shown = resized if frame.crop is None else TF.center_crop(resized, list(frame.crop))
    return shown.permute(1, 2, 0).contiguous().numpy()


def worker_view(image: PIL.Image.Image, frame: Frame, protocol: Protocol) -> NDArray[Any]:
    """Make a view where the device does not: by `pillow_view` or `plain_view`."""
    return (plain_view if protocol.resize == "plain" else pillow_view)(image, frame)


def device_view(picture: Tensor, frame: Frame) -> Tensor:
    """Resize a decoded picture (3, H, W) uint8 where it lies, by torch's antialiased filters.

    Returns:
        (3, h, w) uint8, of the size that `pillow_view` gives; values may differ from its by a level.

    Raises:
        RaybenchError: torch has no such filter.
    """
    if frame.filter not in ("bilinear", "bicubic"):
        raise RaybenchError(
            f"pictures are resized on the device by bilinear or bicubic filters, not {frame.filter}; use "
            "resize: pillow"
        )
    resized = _resized(picture, frame.resized(Size(*picture.shape[1:])), frame.filter)
    if frame.crop is None:
        return resized
    cropped: Tensor = TF.center_crop(resized, list(frame.crop))
    return cropped


def _resized(picture: Tensor, size: Size, mode: str) -> Tensor:
    resized = F.interpolate(picture[None].float(), tuple(size), mode=mode, antialias=True)[0]
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def too_narrow(stored: Size, frames: Iterable[Frame]) -> str:
    """Say why a picture of a size is too long and narrow for some views of it; empty if it is not."""
    for frame in frames:
        size = frame.resized(stored)
        if size.height * size.width > _MOST_INPUT_PIXELS:
            return (
                f"is {stored.width} x {stored.height} pixels, and {size.width} x {size.height} with a "
                f"shorter side of {min(size)}: too long and narrow; up to {_MOST_INPUT_PIXELS:,} pixels can "
                "be measured"
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
