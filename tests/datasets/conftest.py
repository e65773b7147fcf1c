"""Tiny datasets that the tests write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from raybench.checkpoints.classes import ClassList

WriteXml = Callable[..., Path]
WritePicture = Callable[..., Path]


@pytest.fixture
def animals() -> ClassList:
    """Three classes."""
    return ClassList("animals", ("ape", "bee", "cow"), ("ape", "bee", "cow"))


@pytest.fixture
def animals_file(tmp_path: Path) -> Path:
    """The same classes in a file, for the option `classes`."""
    path = tmp_path / "animals.txt"
    path.write_text("ape\nbee\ncow\n")
    return path


@pytest.fixture
def write_picture() -> WritePicture:
    """Write a picture of `width` x `height` pixels and return its path."""

    def write(path: Path, width: int = 40, height: int = 30, mode: str = "RGB") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        PIL.Image.fromarray(levels).convert(mode).save(path)
        return path

    return write


@pytest.fixture
def write_xml() -> WriteXml:
    """Write objects `(name, (xmin, ymin, xmax, ymax), difficult = 0)` and return the path."""

    def write(
        path: Path, objects: Sequence[tuple[object, ...]], size: tuple[int, int] | None = (40, 30)
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = ["<annotation>"]
        if size:
            parts.append(f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>")
        for name, box, *difficult in objects:
            corners = "".join(
                f"<{tag}>{value}</{tag}>"
                for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
            )
            mark = f"<difficult>{difficult[0]}</difficult>" if difficult else ""
            parts.append(f"<object><name>{name}</name>{mark}<bndbox>{corners}</bndbox></object>")
        path.write_text("".join([*parts, "</annotation>"]))
        return path

    return write
