"""Masks that lie in files of each picture, found by name: those of ImageNet-S and of OpenImages30k."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from .....base import Size
from ...region import Region
from ...sample import AnnotationError
from .objects import Objects, OwnPicture

RESIZED = "a mask is of another size than its picture; brought to the picture's by the nearest pixel"
"""Note on a sample."""

Found = tuple[dict[int, Region], tuple[str, ...]]
"""The region of each class, and notes."""


@dataclass(frozen=True)
class PictureMasks(Objects):
    """Masks of pictures that show one class each.

    Attributes:
        files: of each picture, by its id.
        read: from the picture, its files and its size to regions and notes.
    """

    files: Mapping[str, tuple[Path, ...]]
    read: Callable[[OwnPicture, tuple[Path, ...], Size], Found]
    several: bool = False

    def regions(self, picture: OwnPicture, size: Size, *, legacy: bool) -> Found:
        """See `Objects`."""
        files = self.files.get(picture.image_id, ())
        return self.read(picture, files, size) if files else ({}, ())

    def content(self, picture: OwnPicture) -> Iterable[bytes | str]:
        """See `Objects`."""
        for file in self.files.get(picture.image_id, ()):
            yield file.name
            yield file.read_bytes() if file.is_file() else b""


def read_levels(path: Path, size: Size) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Read a mask: levels (H, W, channels) at the size of the picture, with a note if it was of another."""
    try:
        with PIL.Image.open(path) as picture:
            kept = {"RGB": "RGB", "RGBA": "RGB"}.get(picture.mode, "L")
            plain = picture if picture.mode == kept else picture.convert(kept)
            fits = plain.size == (size.width, size.height)
            fitting = plain if fits else plain.resize((size.width, size.height), PIL.Image.Resampling.NEAREST)
            levels = np.asarray(fitting).astype(np.int64)
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AnnotationError(f"cannot read the mask {path}: {reason.lower()}") from None
    return levels.reshape(*levels.shape[:2], -1), () if fits else (RESIZED,)
