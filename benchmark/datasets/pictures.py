"""Picture files: finding them in folders, and decoding them."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import numpy as np
import PIL.Image
import PIL.JpegImagePlugin
from numpy.typing import NDArray

from ...errors import RaybenchError
from .sample import UnreadableImageError

__all__ = [
    "LONGEST_SIDE",
    "PICTURE_SUFFIXES",
    "SIZE_DIFFERS",
    "ReadPicture",
    "encoded_bytes",
    "files_in",
    "open_picture",
    "read_picture",
]

ReadPicture = Callable[[Path], PIL.Image.Image]

LONGEST_SIDE = 65_535
"""Pixels along the longest side a JPEG file can have; more would ask for masks that fit no memory."""

SIZE_DIFFERS = "the picture is not of the size that its annotation gives; scored at the annotation's"
"""Note on a sample."""

PICTURE_SUFFIXES = (".jpeg", ".jpg", ".png")

# what Pillow's decoders raise on damaged files
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, PIL.Image.DecompressionBombError)


def read_picture(path: Path) -> PIL.Image.Image:
    """Decode a picture into RGB. Its EXIF orientation is not applied, as in the published evaluations.

    Raises:
        UnreadableImageError: the file is missing, damaged or not a picture; the message names it.
    """
    with _decoding(path), PIL.Image.open(path) as picture:
        return picture.convert("RGB")


def open_picture(path: Path) -> PIL.Image.Image:
    """Read a picture whole, but leave a JPEG file in RGB or grey undecoded; see `encoded_bytes`.

    Raises:
        UnreadableImageError: as `read_picture`, but damage to a JPEG shows only when it is decoded.
    """
    with _decoding(path):
        picture = PIL.Image.open(io.BytesIO(path.read_bytes()))
        return picture if _is_plain_jpeg(picture) else picture.convert("RGB")


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
        raise UnreadableImageError(f"cannot read {path}: {error}") from None


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
