"""Makes JPEG files with ILSVRC's XML: ImageNet's sizes, boxes and file sizes, and nothing to see.

A few hundred textures are encoded; every picture is a file of its own with the bytes of one of them, and with
boxes of its own.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from raybench.checkpoints import load_classes

_TEXTURES = 300
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
"""Common sizes (height, width) among ImageNet's validation pictures, with their shares."""
_OCTAVES = (4, 8, 16, 32, 64, 128)


def make_pictures(folder: Path, count: int) -> Path:
    """Write `count` pictures and their XML, with one to three boxes of one class each, to `folder/val`."""
    generator = np.random.default_rng(0)
    which = generator.choice(len(_SIZES), min(_TEXTURES, count), p=list(_SIZES.values()))
    sizes = [list(_SIZES)[one] for one in which]
    encoded = [_encode(texture(size, generator)) for size in sizes]
    names = load_classes("imagenet1k").ids
    target = folder / "val"
    target.mkdir(parents=True)
    for number in range(count):
        size = sizes[number % len(sizes)]
        xml = _xml(size, names[int(generator.integers(len(names)))], generator)
        (target / f"made_{number:08d}.JPEG").write_bytes(encoded[number % len(sizes)])
        (target / f"made_{number:08d}.xml").write_text(xml, encoding="utf-8")
    return folder


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
    picture.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _xml(size: tuple[int, int], name: str, generator: np.random.Generator) -> str:
    """Annotation with drawn boxes, which count from 1 and hold both their ends."""
    height, width = size
    objects = ""
    for _ in range(int(generator.integers(1, 4))):
        y0, y1 = sorted(generator.integers(1, height + 1, size=2).tolist())
        x0, x1 = sorted(generator.integers(1, width + 1, size=2).tolist())
        objects += (
            f"<object><name>{name}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
            f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        )
    size_words = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation>{size_words}{objects}</annotation>\n"
