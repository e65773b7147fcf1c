"""Finds boxes of ImageNet that lie in one table for all pictures, where there is no XML for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from .....base import RaybenchError, Size
from .....checkpoints import ClassList
from ...files import subfolders
from ...pictures import is_possible_size
from ..boxes import WrittenBox
from ..voc_xml import AnnotatedObject, Annotation
from .files import around
from .loc_solution import read_loc_solution
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
