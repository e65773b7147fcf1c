"""Keeps small pictures, ground truth and saliency maps of a few queries, and finds them again."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ....base import RaybenchError, Size
from .names import safe_name
from .writing import write_atomically

LONGEST_SIDE_PX = 320
"""Pictures and maps are kept at most this wide and high."""


@dataclass(frozen=True)
class GalleryImage:
    """A kept picture.

    Attributes:
        folder: `OUT/gallery/<image id>`; its name is `safe_name(image_id)`.
        size: (height, width) of the original image, in whose pixels records give points.
        class_indices: classes whose region was kept, ascending.
    """

    folder: Path
    size: Size
    class_indices: tuple[int, ...]

    def picture(self) -> NDArray[np.uint8]:
        """Read the small picture: (h, w, 3) RGB."""
        return np.asarray(_open(self.folder / "picture.jpg").convert("RGB"))

    def region(self, class_index: int) -> NDArray[np.bool_]:
        """Read the ground truth of a class: (h, w), as large as the picture."""
        return np.asarray(_open(self.folder / f"region-{class_index}.png").convert("L")) > 127


def save_picture(
    out: Path, image_id: str, image: PIL.Image.Image, regions: Mapping[int, NDArray[np.bool_]]
) -> None:
    """Keep a picture and the ground truth of its queries under `out`/gallery.

    Args:
        out: result folder.
        image_id: as in the records.
        image: at the original size.
        regions: by class index, masks (H, W) of the size of the image.

    Raises:
        RaybenchError: the disk is full or not writable.
    """
    folder = out / "gallery" / safe_name(image_id)
    width, height = _small(image.width, image.height)
    small = image.convert("RGB").resize((width, height), PIL.Image.Resampling.LANCZOS)
    for class_index, mask in regions.items():
        region = PIL.Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height))
        write_atomically(folder / f"region-{class_index}.png", _encode(region, "PNG"))
    # the picture comes last: where it is, the regions are; its comment says what a point's pixels refer to
    comment = f"{image.width}x{image.height}"
    write_atomically(folder / "picture.jpg", _encode(small, "JPEG", quality=90, comment=comment))


def save_map(
    out: Path,
    checkpoint: str,
    attribution: str,
    image_id: str,
    class_index: int,
    saliency: NDArray[np.floating],
) -> None:
    """Keep a saliency map as an 8-bit grey picture whose largest value is 255.

    Args:
        out: result folder.
        checkpoint: name of the checkpoint, or `none`.
        attribution: name of the method.
        image_id: as in the records.
        class_index: the query's class.
        saliency: (H, W), non-negative, at the size of the original image; NaN counts as 0.

    Raises:
        RaybenchError: the disk is full or not writable.
    """
    heat = np.nan_to_num(np.asarray(saliency, dtype=np.float64), posinf=0.0, neginf=0.0)
    # dividing before the resize keeps very small values out of float32's denormals, after it fills the range
    small = PIL.Image.fromarray((heat / (heat.max(initial=0.0) or 1.0)).astype(np.float32))
    small = small.resize(_small(small.width, small.height), PIL.Image.Resampling.BOX)
    pixels = np.asarray(small)
    grey = PIL.Image.fromarray(np.rint(255 * pixels / (pixels.max(initial=0.0) or 1.0)).astype(np.uint8))
    write_atomically(map_path(out, checkpoint, attribution, image_id, class_index), _encode(grey, "PNG"))


def map_path(out: Path, checkpoint: str, attribution: str, image_id: str, class_index: int) -> Path:
    """Return where the map of a query is kept."""
    folder = out / safe_name(checkpoint) / safe_name(attribution) / "gallery"
    return folder / f"{safe_name(image_id)}-{class_index}.png"


def read_map(path: Path) -> NDArray[np.float64]:
    """Read a kept map: (h, w) in 0 to 1.

    Raises:
        RaybenchError: the file does not decode.
    """
    return np.asarray(_open(path).convert("L"), dtype=np.float64) / 255


def gallery_images(out: Path) -> Iterator[GalleryImage]:
    """Yield the pictures kept under `out`, in the order of their names.

    Raises:
        RaybenchError: a picture does not decode.
    """
    for path in sorted((out / "gallery").glob("*/picture.jpg")):
        image = _open(path)
        size = Size(image.height, image.width)
        words = image.info.get("comment", b"").decode("ascii", "replace").split("x")
        if len(words) == 2 and all(word.isdigit() for word in words):
            size = Size(int(words[1]), int(words[0]))
        regions = (file.stem.removeprefix("region-") for file in path.parent.glob("region-*.png"))
        classes = sorted(int(text) for text in regions if text.isdigit())
        yield GalleryImage(path.parent, size, tuple(classes))


def _small(width: int, height: int) -> tuple[int, int]:
    """Return (width, height) scaled down, if need be, to the longest side that is kept."""
    scale = min(1.0, LONGEST_SIDE_PX / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _encode(image: PIL.Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, optimize=True, **options)
    return buffer.getvalue()


def _open(path: Path) -> PIL.Image.Image:
    try:
        with PIL.Image.open(path, formats=("JPEG", "PNG")) as image:
            if max(image.size) > 4 * LONGEST_SIDE_PX:
                raise ValueError(f"it has {image.width} x {image.height} pixels, no thumbnail")
            image.load()
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise RaybenchError(f"cannot read {path}: {str(error).lower()}; run again with --fresh") from None
    return image
