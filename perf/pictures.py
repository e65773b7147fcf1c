"""Makes JPEG files with ILSVRC's XML: ImageNet's sizes, boxes and file sizes, and nothing to see.

A few hundred textures are encoded; every picture is a file of its own with the bytes of one of them, and with
the annotation of a picture of that size.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image

from raybench.checkpoints import load_classes

__all__ = [
    "Annotated",
    "made_annotations",
    "make_pictures",
    "read_annotations",
    "repeated_pictures",
    "texture",
]

ENCODINGS = 300
QUALITY = 92
_SIZES = {
    (375, 500): 0.52,
    (500, 375): 0.16,
    (333, 500): 0.10,
    (500, 500): 0.06,
    (334, 500): 0.04,
    (500, 333): 0.04,
    (400, 500): 0.03,
    (480, 640): 0.03,
    (768, 1024): 0.02,
}
"""Common sizes (height, width) among ImageNet's validation pictures, with their shares, for where the list of
all is not at hand."""
_OCTAVES = (4, 8, 16, 32, 64, 128)

Box = tuple[int, int, int, int]


class Annotated(NamedTuple):
    """What an annotation says: class, size, and boxes (x0, y0, x1, y1) that count from 0, with both ends."""

    class_index: int
    height: int
    width: int
    boxes: tuple[Box, ...]


def make_pictures(
    folder: Path, count: int, annotations: list[Annotated], *, encodings: int = ENCODINGS, seed: int = 0
) -> Path:
    """Write `count` pictures and their XML to `folder/val` and return the folder.

    Args:
        folder: of the dataset.
        count: how many.
        annotations: that the pictures take theirs from.
        encodings: different textures at most.
        seed: of everything random.
    """
    generator = np.random.default_rng(seed)
    by_size: dict[tuple[int, int], list[Annotated]] = defaultdict(list)
    for entry in annotations:
        by_size[entry.height, entry.width].append(entry)
    chosen = generator.choice(len(annotations), min(encodings, count))
    sizes = [(annotations[place].height, annotations[place].width) for place in chosen]
    encoded = [_encode(texture(size, generator)) for size in sizes]
    names = load_classes("imagenet1k").ids
    target = folder / "val"
    target.mkdir(parents=True)
    for number in range(count):
        which = number % len(sizes)
        alike = by_size[sizes[which]]
        entry = alike[int(generator.integers(len(alike)))]
        name = f"made_{number:08d}"
        (target / f"{name}.JPEG").write_bytes(encoded[which])
        (target / f"{name}.xml").write_text(_xml(entry, names[entry.class_index]), encoding="utf-8")
    return folder


def read_annotations(folder: Path) -> list[Annotated]:
    """Read sizes, classes and boxes of ImageNet's validation pictures, without the pictures.

    Args:
        folder: holds `class_labels.txt` (file,class), `image_sizes.txt` (file,width,height) and
            `localization.txt` (file,x0,y0,x1,y1).
    """
    boxes: dict[str, list[Box]] = defaultdict(list)
    for name, x0, y0, x1, y1 in _rows(folder / "localization.txt"):
        boxes[name].append((int(x0), int(y0), int(x1), int(y1)))
    sizes = {name: (int(height), int(width)) for name, width, height in _rows(folder / "image_sizes.txt")}
    return [
        Annotated(int(index), *sizes[name], tuple(boxes[name]))
        for name, index in _rows(folder / "class_labels.txt")
        if boxes[name] and max(sizes[name]) <= 2000  # a few are scans of 20 megapixels
    ]


def made_annotations(count: int, seed: int = 0) -> list[Annotated]:
    """Draw annotations of common sizes, with one to three boxes."""
    generator = np.random.default_rng(seed)
    sizes, drawn = list(_SIZES), []
    for which in generator.choice(len(sizes), count, p=list(_SIZES.values())):
        height, width = sizes[which]
        boxes = []
        for _ in range(int(generator.integers(1, 4))):
            y0, y1 = sorted(generator.integers(height, size=2).tolist())
            x0, x1 = sorted(generator.integers(width, size=2).tolist())
            boxes.append((x0, y0, x1, y1))
        drawn.append(Annotated(int(generator.integers(1000)), height, width, tuple(boxes)))
    return drawn


def repeated_pictures(folder: Path, pictures: Sequence[Path], times: int) -> Path:
    """Link pictures and the XML beside each into `folder/val`, each so many times, and return the folder."""
    target = folder / "val"
    target.mkdir(parents=True)
    for picture in pictures:
        for turn in range(times):
            for file in (picture, picture.with_suffix(".xml")):
                (target / f"{file.stem}_{turn}{file.suffix}").symlink_to(file.resolve())
    return folder


def texture(size: tuple[int, int], generator: np.random.Generator) -> PIL.Image.Image:
    """Draw noise of every scale, coarse noise the strongest, as in photographs: size is (height, width)."""
    height, width = size
    pixels = np.full((height, width, 3), 128.0, np.float32)
    for cells in _OCTAVES:
        coarse = generator.integers(0, 256, (cells, cells, 3), np.uint8)
        smooth = PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BICUBIC)
        pixels += (np.asarray(smooth, np.float32) - 128) * (1.6 / cells**0.5)
    pixels += generator.normal(0, 9, (height, width, 1)).astype(np.float32)
    return PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _encode(picture: PIL.Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield line.strip().split(",")


def _xml(entry: Annotated, name: str) -> str:
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin>"
        f"<xmax>{x1 + 1}</xmax><ymax>{y1 + 1}</ymax></bndbox></object>"
        for x0, y0, x1, y1 in entry.boxes
    )
    size = f"<size><width>{entry.width}</width><height>{entry.height}</height><depth>3</depth></size>"
    return f"<annotation>{size}{objects}</annotation>\n"
