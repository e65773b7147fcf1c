"""Picture files: finding them in folders, and decoding them."""

from __future__ import annotations

import io
import math
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.JpegImagePlugin
from numpy.typing import NDArray

from ...base import RaybenchError, Size
from .sample import AnnotationError, UnreadableImageError

__all__ = [
    "PICTURE_SUFFIXES",
    "POSSIBLE_SIZES",
    "SIZE_DIFFERS",
    "ReadPicture",
    "as_annotated",
    "encoded_bytes",
    "files_in",
    "is_possible_size",
    "open_picture",
    "read_picture",
    "to_rgb",
]

ReadPicture = Callable[[Path], PIL.Image.Image]

_ORIENTATION = 0x0112  # of EXIF
_LONGEST_SIDE = 65_535  # of a JPEG file
_MOST_PIXELS = 178_956_970  # Pillow decodes no more, unless told to

POSSIBLE_SIZES = f"sides from 1 to {_LONGEST_SIDE} pixels and at most {_MOST_PIXELS} pixels in all"
"""For messages; see `is_possible_size`."""

TURNED = "the picture was turned by its EXIF orientation, to the size that its annotation gives"
NOT_TURNED = "the picture's EXIF orientation was not applied: its annotation is for the picture as stored"

SIZE_DIFFERS = "the picture is not of the size that its annotation gives; scored at the annotation's"
"""Note on a sample."""

PICTURE_SUFFIXES = (".jpeg", ".jpg", ".png")

# what Pillow's decoders raise on damaged files
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, PIL.Image.DecompressionBombError)


def read_picture(path: Path) -> PIL.Image.Image:
    """Decode a picture into RGB, the way up in which it is stored; see `as_annotated`.

    Raises:
        UnreadableImageError: the file is missing, damaged or not a picture; the message names it.
    """
    with _decoding(path), PIL.Image.open(path) as picture:
        return to_rgb(picture)


def as_annotated(
    picture: PIL.Image.Image, size: Size | None, place: str
) -> tuple[PIL.Image.Image, list[str]]:
    """Return a picture the way up in which it was annotated, with notes on what differs from its annotation.

    A camera that was held upright stores the picture lying, with an EXIF orientation; tools show and annotate
    it turned or as it is stored. The size that the annotation gives tells which: where it fits the turned
    picture better, the picture is turned.

    Args:
        picture: as it is stored.
        size: (height, width) that the annotation gives, or None if it does not say.
        place: of the annotation, for messages.

    Raises:
        AnnotationError: width and height of the annotation are swapped.
    """
    stored = Size(picture.height, picture.width)
    orientation = picture.getexif().get(_ORIENTATION, 1) if "exif" in picture.info else 1
    if orientation in (5, 6, 7, 8) and size and _misfit(size, stored[::-1]) < _misfit(size, stored):
        turned = PIL.ImageOps.exif_transpose(picture)
        return turned, [TURNED] + [SIZE_DIFFERS] * (size != (turned.height, turned.width))
    notes = [NOT_TURNED] if orientation in range(2, 9) else []
    if size and size != stored:
        if size == stored[::-1]:
            raise AnnotationError(
                f"{place}: the annotation's size is {size.width} x {size.height} (width x height), the "
                f"picture's {stored.width} x {stored.height}; its width and height are swapped"
            )
        notes.append(SIZE_DIFFERS)
    return picture, notes


def _misfit(size: tuple[int, int], other: tuple[int, int]) -> float:
    """How far two sizes are from the same shape: 0 if they have the same sides in proportion."""
    return abs(math.log(size[0] * other[1] / (size[1] * other[0])))


def open_picture(path: Path) -> PIL.Image.Image:
    """Read a picture whole, but leave a JPEG file in RGB or grey undecoded; see `encoded_bytes`.

    Raises:
        UnreadableImageError: as `read_picture`, but damage to a JPEG shows only when it is decoded.
    """
    with _decoding(path):
        picture = PIL.Image.open(io.BytesIO(path.read_bytes()))
        return picture if _is_plain_jpeg(picture) else to_rgb(picture)


def encoded_bytes(picture: PIL.Image.Image) -> NDArray[np.uint8] | None:
    """Return the JPEG file (n,) uint8 of a picture that `open_picture` left undecoded, or None."""
    file = picture.fp if _is_plain_jpeg(picture) else None
    return np.frombuffer(file.getvalue(), dtype=np.uint8) if isinstance(file, io.BytesIO) else None


def _is_plain_jpeg(picture: PIL.Image.Image) -> TypeGuard[PIL.JpegImagePlugin.JpegImageFile]:
    jpeg = isinstance(picture, PIL.JpegImagePlugin.JpegImageFile)
    return jpeg and picture.format == "JPEG" and picture.mode in ("RGB", "L")


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Word whatever Pillow raises at a file."""
    try:
        yield
    except FileNotFoundError:
        raise UnreadableImageError(f"cannot read {path}: no such file") from None
    except PIL.UnidentifiedImageError:
        raise UnreadableImageError(f"cannot read {path}: it is not a picture, or is damaged") from None
    except _DECODE_ERRORS as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UnreadableImageError(f"cannot read {path}: {reason}") from None


def to_rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture of any mode in RGB; grey of 16 bits keeps its upper 8, where Pillow would clip it."""
    if picture.mode.startswith("I"):  # I;16 or, from older versions of Pillow, I
        grey = (np.asarray(picture, dtype=np.int64).clip(0, 65_535) >> 8).astype(np.uint8)
        return PIL.Image.fromarray(grey).convert("RGB")
    return picture.convert("RGB")


def is_possible_size(height: float, width: float) -> bool:
    """Whether a picture can be of a size, in pixels, that an annotation gives.

    Masks and maps are of that size, so that a mistyped one could ask for more memory than there is.
    """
    sides = (height, width)
    return (
        all(side % 1 == 0 and 1 <= side <= _LONGEST_SIDE for side in sides) and height * width <= _MOST_PIXELS
    )


def files_in(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Names of the files directly in `folder` with one of the (lower-case) suffixes, in any case, sorted.

    A folder that does not exist holds none.

    Raises:
        RaybenchError: a name is not UTF-8, so that it could not be written to any result.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.lower().endswith(suffixes)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        if not name.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in name):
            raise RaybenchError(
                f"a file name in {folder} is not UTF-8: {os.fsencode(name)!r}; rename the file"
            )
    return sorted(name for name in names if not name.startswith("."))  # ._x.jpg is macOS metadata
