"""Picture files: decoding them, the way up in which they were annotated."""

from __future__ import annotations

import io
import math
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.JpegImagePlugin
from numpy.typing import NDArray

from ...base import Size
from .files import other_spelling
from .sample import AnnotationError, UnreadableImageError

ReadPicture = Callable[[Path], PIL.Image.Image]

_ORIENTATION = 0x0112  # of EXIF
_LONGEST_SIDE = 65_535  # of a JPEG file
_MOST_PIXELS = 178_956_970  # Pillow decodes no more, unless told to
_ZEROS = 512  # bytes, more than any JPEG ends with

POSSIBLE_SIZES = f"sides from 1 to {_LONGEST_SIDE} pixels and at most {_MOST_PIXELS} pixels in all"
"""For messages; see `is_possible_size`."""

TURNED = "the picture was turned by its EXIF orientation, to the size that its annotation gives"
NOT_TURNED = "the picture's EXIF orientation was not applied: its annotation is for the picture as stored"
MAYBE_TURNED = (
    "the picture's EXIF orientation was not applied, though its annotation may be for the turned picture: "
    "its size fits either"
)
SIZE_DIFFERS = "the picture is not of the size that its annotation gives; scored at the annotation's"
SEVERAL_FRAMES = "the picture has several frames or pages; the first is used"
# notes on samples

_SEVERAL = "several frames"  # key of Pillow's `info`

# what Pillow's decoders raise on damaged files
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, PIL.Image.DecompressionBombError)


def read_picture(path: Path) -> PIL.Image.Image:
    """Decode a picture into RGB, the way up in which it is stored; see `as_annotated`.

    Raises:
        UnreadableImageError: the file is missing, damaged or not a picture; the message names it.
    """
    with _decoding(path), PIL.Image.open(_whole(path)) as picture:
        return to_rgb(picture)


def upright_picture(path: Path) -> tuple[PIL.Image.Image, str]:
    """Decode a picture that nothing is annotated in, the way up in which it is to be looked at.

    Returns:
        The picture in RGB, and a remark if it is stored in another way; else an empty text.

    Raises:
        UnreadableImageError: as `read_picture` does.
    """
    picture = read_picture(path)
    if _orientation(picture) == 1:
        return picture, ""
    turned = PIL.ImageOps.exif_transpose(picture)
    return turned, f"{path} was turned by its EXIF orientation, to {turned.width} x {turned.height} pixels"


def picture_in_memory(given: object, place: str) -> PIL.Image.Image:
    """Return a PIL image, or an array (H, W, 3) uint8, as a picture in RGB; `place` says in messages which.

    Raises:
        AnnotationError: it is neither.
    """
    if isinstance(given, PIL.Image.Image):
        return to_rgb(given)
    if not isinstance(given, np.ndarray):
        raise AnnotationError(
            f"{place} is {type(given).__name__}; expected a PIL image, an array (H, W, 3) of uint8, or a path"
        )
    if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3 or not given.size:
        raise AnnotationError(
            f"{place} is an array {given.shape} of {given.dtype}; expected (H, W, 3) of uint8, in RGB"
        )
    return PIL.Image.fromarray(given)


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
    stored, orientation = Size(picture.height, picture.width), _orientation(picture)
    notes = [SEVERAL_FRAMES] if picture.info.get(_SEVERAL) else []
    lying = orientation in (5, 6, 7, 8)
    if lying and size and _misfit(size, stored[::-1]) < _misfit(size, stored):
        turned = PIL.ImageOps.exif_transpose(picture)
        return turned, [*notes, TURNED] + [SIZE_DIFFERS] * (size != (turned.height, turned.width))
    if orientation != 1:
        told = lying and size and _misfit(size, stored) < _misfit(size, stored[::-1])
        notes.append(NOT_TURNED if told else MAYBE_TURNED)
    if size and size != stored:
        if size == stored[::-1]:
            raise AnnotationError(
                f"{place}: the annotation's size is {size.width} x {size.height} (width x height), the "
                f"picture's {stored.width} x {stored.height}; its width and height are swapped"
            )
        notes.append(SIZE_DIFFERS)
    return picture, notes


def _orientation(picture: PIL.Image.Image) -> int:
    """Return 2 to 8 for a picture that is stored turned or mirrored, else 1, also if its EXIF is damaged."""
    if "exif" not in picture.info:
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of damage
            orientation: object = picture.getexif().get(_ORIENTATION)
    except _DECODE_ERRORS:
        return 1
    return orientation if isinstance(orientation, int) and 2 <= orientation <= 8 else 1


def _misfit(size: tuple[int, int], other: tuple[int, int]) -> float:
    """How far two sizes are from the same shape: 0 if they have the same sides in proportion."""
    return abs(math.log(size[0] * other[1] / (size[1] * other[0])))


def open_picture(path: Path) -> PIL.Image.Image:
    """Read a picture whole, but leave a JPEG file in RGB or grey undecoded; see `encoded_bytes`.

    Raises:
        UnreadableImageError: as `read_picture`, but damage to a JPEG shows only when it is decoded.
    """
    with _decoding(path):
        picture = PIL.Image.open(_whole(path))
        return picture if _is_plain_jpeg(picture) else to_rgb(picture)


def encoded_bytes(picture: PIL.Image.Image) -> NDArray[np.uint8] | None:
    """Return the JPEG file (n,) uint8 of a picture that `open_picture` left undecoded, or None."""
    file = picture.fp if _is_plain_jpeg(picture) else None
    return np.frombuffer(file.getvalue(), dtype=np.uint8) if isinstance(file, io.BytesIO) else None


def _is_plain_jpeg(picture: PIL.Image.Image) -> TypeGuard[PIL.JpegImagePlugin.JpegImageFile]:
    jpeg = isinstance(picture, PIL.JpegImagePlugin.JpegImageFile)
    return jpeg and picture.format == "JPEG" and picture.mode in ("RGB", "L")


def _whole(path: Path) -> io.BytesIO:
    """Read a file; refuse a JPEG that breaks off into zeros, as a broken download does, which decodes."""
    data = path.read_bytes()
    ends_in_zeros = data[:2] == b"\xff\xd8" and not data[-_ZEROS:].strip(b"\0")
    if ends_in_zeros and not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise ValueError("it breaks off into zeros; copy it again")
    return io.BytesIO(data)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Word whatever Pillow raises at a file."""
    try:
        yield
    except FileNotFoundError:
        raise UnreadableImageError(f"cannot read {path}: no such file{other_spelling(path)}") from None
    except PIL.UnidentifiedImageError:
        raise UnreadableImageError(f"cannot read {path}: it is not a picture, or is damaged") from None
    except UnreadableImageError as error:
        raise UnreadableImageError(f"cannot read {path}: {error}") from None
    except _DECODE_ERRORS as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UnreadableImageError(f"cannot read {path}: {reason}") from None


def to_rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Return a picture of any mode in RGB: grey of 16 bits keeps its upper 8, and alpha is dropped.

    Pillow would clip grey of 16 bits, and all pixels that are fractions.

    Raises:
        UnreadableImageError: the range of the pixels is not known.
    """
    if getattr(picture, "is_animated", False) and picture.format != "MPO":  # a phone's preview is no frame
        picture.info[_SEVERAL] = True
    if picture.mode == "F":
        raise UnreadableImageError(
            "the picture's pixels are fractions of a range that is not said; convert it to 8 bits"
        )
    if picture.mode.startswith("I"):  # I;16 or, from older versions of Pillow, I
        grey = np.asarray(picture, dtype=np.int64)
        if grey.min() < 0 or grey.max() > 65_535:
            raise UnreadableImageError(
                "the picture's pixels have 32 bits, of a range that is not said; convert it to 8 bits"
            )
        rgb = PIL.Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
        rgb.info = dict(picture.info)
        return rgb
    if picture.mode == "P" and isinstance(picture.info.get("transparency"), bytes):
        picture = picture.convert("RGBA")  # Pillow warns otherwise; the colours are the same
    return picture.convert("RGB")


def is_possible_size(height: float, width: float) -> bool:
    """Whether a picture can be of a size, in pixels, that an annotation gives.

    Masks and maps are of that size, so that a mistyped one could ask for more memory than there is.
    """
    sides = (height, width)
    return (
        all(side % 1 == 0 and 1 <= side <= _LONGEST_SIDE for side in sides) and height * width <= _MOST_PIXELS
    )
