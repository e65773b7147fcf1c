"""Picture files: finding them in folders, and decoding them."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import PIL.Image

from ...errors import RaybenchError
from .sample import UnreadableImageError

__all__ = ["LONGEST_SIDE", "PICTURE_SUFFIXES", "SIZE_DIFFERS", "files_in", "read_picture"]

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
    try:
        with PIL.Image.open(path) as picture:
            return picture.convert("RGB")
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
