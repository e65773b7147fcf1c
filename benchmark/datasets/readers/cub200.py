"""Reads CUB-200-2011: birds with one box each."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ....base import RaybenchError, quoted
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import read_text
from ..interface import dataset
from ..layouts.boxes import WrittenBox
from ..layouts.nearest import Layout
from ..layouts.own.box_table import OwnBox
from ..layouts.own.objects import OwnPicture, TableObjects
from ..sample import LayoutError
from ..selection import Selection
from .boxes import OwnFolder, own_folder

_FILES = ("images.txt", "bounding_boxes.txt", "train_test_split.txt")
_SPLITS = {"train": ("1",), "test": ("0",), "all": ("0", "1")}


@dataset(
    "cub200",
    label="CUB-200-2011",
    classes="classes.txt",
    multilabel=False,
    signs=("bounding_boxes.txt",),
    inside="CUB_200_2011",
    layouts=(Layout("that of its archive", ("images/*", *_FILES, "classes.txt")),),
)
def open_cub200(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "test"
) -> OwnFolder:
    """CUB-200-2011: `images/`, `images.txt`, `bounding_boxes.txt`, `train_test_split.txt`, `classes.txt`.

    The option `split` takes `test` (5,794 pictures), `train` or `all`. A box is written as its left and upper
    edge, width and height; edges are counted from 0 and rounded to those of pixels.

    Raises:
        RaybenchError: a file is missing or damaged; names it and the line.
    """
    missing = [name for name in _FILES if not (root / name).is_file()]
    if missing:
        raise LayoutError(f"{root} has no {' and no '.join(missing)}; expected the files of CUB_200_2011.tgz")
    if split not in _SPLITS:
        raise RaybenchError(f"option 'split' of dataset 'cub200' is {split!r}; expected {', '.join(_SPLITS)}")
    paths, boxes, marks = (_read(root / name) for name in _FILES)
    pictures, found = [], {}
    for number, (path,) in paths.items():
        if marks.get(number, [""])[0] not in _SPLITS[split]:
            continue
        inner = PurePosixPath(path)
        if inner.parent.name not in classes.index_of:
            raise RaybenchError(
                f"{root / 'images.txt'}: {quoted(path)} lies in no folder of a class of {classes.name!r}"
            )
        index = classes.index_of[inner.parent.name]
        pictures.append(OwnPicture(inner.stem, path, index))
        place = f"{root / 'bounding_boxes.txt'}, picture {number}"
        found[inner.stem] = (OwnBox(path, index, _box(boxes.get(number, []), place), place),)
    return own_folder("cub200", root / "images", classes, protocol, pictures, TableObjects(found), selection)


def _read(path: Path) -> dict[str, list[str]]:
    """Read lines of a number and words, by number."""
    lines = read_text(path).splitlines()
    width = 4 if path.name == _FILES[1] else 1
    rows: dict[str, list[str]] = {}
    for place, line in enumerate(lines, 1):
        number, *words = line.split()[: width + 2] or [""]
        if not number and not words:
            continue
        if len(words) != width or number in rows:
            twice = f"picture {number} is there twice" if number in rows else f"not {quoted(line)}"
            raise RaybenchError(f"{path}, line {place}: expected a number and {width} more; {twice}")
        rows[number] = words
    return rows


def _box(words: list[str], place: str) -> WrittenBox:
    try:
        x, y, width, height = map(float, words)
    except ValueError:
        raise RaybenchError(f"{place}: expected x, y, width and height, not {words}") from None
    if width <= 0 or height <= 0:
        raise RaybenchError(f"{place}: width and height are {width:g} and {height:g}; expected above 0")
    return WrittenBox(x + 1, y + 1, max(x + width, x + 1), max(y + height, y + 1))
