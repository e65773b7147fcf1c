"""Finds boxes of ImageNet that lie in one table for all pictures, where there is no XML for each."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from .....base import RaybenchError, Size, quoted
from .....checkpoints import ClassList
from ...files import read_text, subfolders
from ...pictures import is_possible_size
from ..boxes import WrittenBox, plain_number
from ..voc_xml import AnnotatedObject, Annotation
from .files import around
from .wsol_boxes import COLUMNS, read_wsol_boxes

_WSOL = ("", "all_val_boxes", "metadata/ILSVRC/test", "metadata")


def find_table(root: Path, split: str) -> Path | None:
    """Find Kaggle's `LOC_<split>_solution.csv`, or the folder of wsolevaluation's three files, near a folder.

    The three files are of the validation pictures alone.
    """
    return next((path for path in _places(root, split) if _is_table(path)), None)


def wsol_folder(root: Path) -> Path | None:
    """Return the folder with wsolevaluation's three files that a folder is or, as its repository, holds."""
    inner = (root / name for name in (*_WSOL, "ILSVRC/test"))
    return next((path for path in inner if path.is_dir() and _is_table(path)), None)


def read_table(path: Path, classes: ClassList) -> Mapping[str, Annotation]:
    """Read the objects of each picture, by its id, from such a table.

    Raises:
        RaybenchError: nothing of this kind is there, or it is damaged.
    """
    if not _is_table(path):
        raise RaybenchError(
            f"{path} holds no boxes: expected Kaggle's LOC_val_solution.csv, or a folder with "
            f"{', '.join(COLUMNS)}"
        )
    return read_loc_solution(path) if path.is_file() else _of_wsol(path, classes)


def _places(root: Path, split: str) -> Iterator[Path]:
    folders = ("ILSVRC", *around(root, split))
    yield from (root / folder / f"LOC_{split}_solution.csv" for folder in folders)
    if split == "val":
        yield from (root / folder / inner for folder in folders for inner in _WSOL)
    for inner in subfolders(root):
        yield from (root / inner / f"LOC_{split}_solution.csv", *([root / inner] if split == "val" else ()))


def _is_table(path: Path) -> bool:
    return path.suffix == ".csv" if path.is_file() else all((path / name).is_file() for name in COLUMNS)


def _of_wsol(folder: Path, classes: ClassList) -> Mapping[str, Annotation]:
    ids, labels, sizes, boxed, boxes = read_wsol_boxes(folder)
    if labels.max() >= len(classes):
        raise RaybenchError(
            f"{folder / 'class_labels.txt'} has the class index {labels.max()}, but {classes.name!r} has "
            f"{len(classes)} classes"
        )
    rows: dict[str, list[WrittenBox]] = {}
    for image_id, corners in zip(boxed, boxes.tolist(), strict=True):
        rows.setdefault(image_id, []).append(WrittenBox(*corners))
    found = {}
    for image_id, label, (width, height) in zip(ids, labels.tolist(), sizes.tolist(), strict=True):
        if image_id in rows and is_possible_size(height, width):
            name = classes.ids[label]
            objects = tuple(AnnotatedObject(name, box) for box in rows[image_id])
            found[image_id] = Annotation(Size(height, width), objects)
    return found


HEADER = ["ImageId", "PredictionString"]


def read_loc_solution(path: Path) -> dict[str, Annotation]:
    """Read the objects of each picture, by its id; the file gives no sizes.

    A line is `ImageId,PredictionString`; the latter holds groups `synset x1 y1 x2 y2`, with the numbers of
    ILSVRC's XML, which count from 1 and include both ends.

    Raises:
        RaybenchError: the file cannot be read, has another header, or a line is not of its form; names it.
    """
    lines = read_text(path).splitlines()
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    if header != HEADER:
        raise RaybenchError(f"{path}, line 1: expected {','.join(HEADER)}, not {','.join(header)[:80]!r}")
    found: dict[str, Annotation] = {}
    for row in reader:
        place = f"{path}, line {reader.line_num}"
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(HEADER) or not row[0].strip():
            raise RaybenchError(f"{place}: expected {','.join(HEADER)}, not {quoted(','.join(row))}")
        image_id = row[0].strip()
        if image_id in found:
            raise RaybenchError(f"{place}: the picture {image_id!r} is there twice; remove one of the lines")
        found[image_id] = Annotation(None, _objects(row[1].split(), place))
    if not found:
        raise RaybenchError(f"{path} names no picture below its header")
    return found


def _objects(words: list[str], place: str) -> tuple[AnnotatedObject, ...]:
    if not words or len(words) % 5:
        raise RaybenchError(f"{place}: expected groups of a synset and four numbers, not {len(words)} words")
    groups = [words[start : start + 5] for start in range(0, len(words), 5)]
    return tuple(
        AnnotatedObject(name, WrittenBox(*(_number(one, place) for one in corners)))
        for name, *corners in groups
    )


def _number(word: str, place: str) -> float:
    number = plain_number(word)
    if not math.isfinite(number):
        raise RaybenchError(f"{place}: {quoted(word)} is no number of pixels")
    return number
