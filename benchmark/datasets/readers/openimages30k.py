"""Reads OpenImages30k, the part of OpenImages that weakly supervised localization is measured on."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from ....base import Size
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import PICTURE_SUFFIXES, files_in, read_text, subfolders
from ..interface import dataset
from ..layouts.nearest import Layout
from ..layouts.own.objects import OwnPicture
from ..layouts.own.per_picture import Found, PictureMasks, read_levels
from ..region import MaskRegion
from ..sample import AnnotationError, LayoutError
from ..selection import Selection
from .boxes import OwnFolder, own_folder, pictures_in

IGNORED = "pixels that the benchmark ignores are counted as background"
"""Note on a sample."""

_ROOTS = re.compile(r"open[-_ ]?images?([-_ ]?\w+)?", re.IGNORECASE)
_MASKS = re.compile(r"mask|annotation|segmentation", re.IGNORECASE)
_MASK = re.compile(r"(?P<image>.+?)_(ignore|m(?P<name>.+?)(_[0-9a-f]{4,})?)\.png")
_PICTURES = tuple(suffix for suffix in PICTURE_SUFFIXES if suffix != ".png")


def _read(picture: OwnPicture, files: tuple[Path, ...], size: Size) -> Found:
    """Return the union of the masks of a picture."""
    if picture.folder_class is None:
        names = sorted({_class_of(file.name) for file in files} - {""})
        raise AnnotationError(
            f"{picture.path} has masks of {' and '.join(names) or 'no class'}; expected those of one class "
            "for each picture, or pictures in folders of their class"
        )
    mask = np.zeros(size, dtype=np.bool_)
    notes: list[str] = []
    for file in files:
        levels, remarks = read_levels(file, size)
        notes += remarks
        if not _class_of(file.name):
            notes += [IGNORED] * bool(levels.any())
        else:
            mask |= (levels != 0).any(axis=2)
    return {picture.folder_class: MaskRegion(mask)}, tuple(notes)


@dataset(
    "openimages30k",
    label="OpenImages30k",
    classes="",
    multilabel=False,
    signs=("{split}/*/*_ignore.png", "{split}/*/*_m*.png"),
    layouts=(
        Layout("wsolevaluation's", ("{split}/*/*.jpg", "{split}/*/*_m*.png")),
        Layout("wsolevaluation's, masks apart", ("images/{split}/*/*.jpg", "masks/{split}/*/*_m*.png")),
        Layout("that of OpenImages", ("{split}/*.jpg", "*mask*/*_m*.png")),
        Layout("FiftyOne's", ("{split}/data/*.jpg", "{split}/labels/masks/*/*_m*.png")),
    ),
)
def open_openimages30k(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "test"
) -> OwnFolder:
    """OpenImages30k: `<split>/<class>/<id>.jpg` with masks `<id>_m<class>_<box>.png` and `<id>_ignore.png`.

    Root is `OpenImages`, or holds it. Masks lie beside the pictures, or in folders of their own, as in
    OpenImages; what its `*-segmentation.csv` lists must be there. Without the option `classes` the classes
    are the folders, or else those of the masks, in alphabetical order. The region is the union of the masks
    of a picture's class. Pixels that the benchmark ignores count as background, which is noted.

    Raises:
        RaybenchError: pictures or masks are not there.
    """
    bases = [root, *(root / name for name in subfolders(root) if _ROOTS.fullmatch(name))]
    bases += [root.parent] if root.name == split else []
    inner = (f"{split}/data", split, f"images/{split}", "images")
    places = [(base, base / folder) for base in bases for folder in inner if _holds_pictures(base / folder)]
    if not places:
        raise LayoutError(f"no pictures in {root}: looked for {split}/<class>/*.jpg there")
    base, folder = places[0]
    masks = _masks_of(dict.fromkeys((base, root)), folder, split)
    names = [name for name in subfolders(folder) if files_in(folder / name, _PICTURES)]
    if not names:
        names = sorted({_class_of(file.name) for files in masks.values() for file in files} - {""})
    own = classes if len(classes) else ClassList("openimages30k", tuple(names), tuple(names))
    pictures = [_placed(one, masks, own) for one in pictures_in(folder, own) if one.path[-4:] != ".png"]
    files = {one.image_id: _of_class(masks[one.stem], one, own) for one in pictures if one.stem in masks}
    if not files:
        raise LayoutError(
            f"no picture in {folder} has a mask; expected <id>_m<class>_<box>.png there or in masks/"
        )
    return own_folder("openimages30k", folder, own, protocol, pictures, PictureMasks(files, _read), selection)


def _holds_pictures(folder: Path) -> bool:
    return any(files_in(folder / inner, _PICTURES) for inner in ("", *subfolders(folder)))


def _masks_of(bases: Iterable[Path], folder: Path, split: str) -> dict[str, list[Path]]:
    """Return masks by the name of their picture, the first of each name, and those that a table lists."""
    apart = [base / name for base in bases for name in subfolders(base) if _MASKS.search(name)]
    apart += [base / split / "labels" / "masks" for base in bases]
    found: dict[str, dict[str, Path]] = {}
    for file in (path for place in (folder, *apart) for path in _pngs(place)):
        named = _MASK.fullmatch(file.name)
        if named:
            found.setdefault(named["image"], {}).setdefault(file.name, file)
    patterns = (f"{split}*segmentation*.csv", f"*/{split}*segmentation*.csv", f"{split}/labels/segment*.csv")
    for table in (path for base in bases for pattern in patterns for path in base.glob(pattern)):
        for row in csv.DictReader(read_text(table).splitlines()):
            name = PurePosixPath(row.get("MaskPath") or "").name
            if name and row.get("ImageID") in found:  # one that is not there is told when its picture is read
                found[row["ImageID"]].setdefault(name, table.parent / name)
    return {image: list(files.values()) for image, files in found.items()}


def _pngs(folder: Path, depth: int = 2) -> Iterator[Path]:
    yield from (folder / name for name in files_in(folder, (".png",)))
    for name in subfolders(folder) if depth else ():
        yield from _pngs(folder / name, depth - 1)


def _class_of(name: str) -> str:
    """Return the class of a mask, by its name; empty for pixels to be ignored."""
    found = _MASK.fullmatch(name)
    return (found["name"] or "") if found else ""


def _placed(picture: OwnPicture, masks: dict[str, list[Path]], classes: ClassList) -> OwnPicture:
    """Return a picture with its class: that of its folder, or else that of all its masks."""
    names = {_class_of(file.name) for file in masks.get(picture.stem, ())} - {""}
    if picture.folder_class is not None or len(names) != 1:
        return picture
    return picture._replace(folder_class=classes.index_of.get(names.pop()))


def _of_class(files: list[Path], picture: OwnPicture, classes: ClassList) -> tuple[Path, ...]:
    """Leave masks of other classes out, where any is of the picture's."""
    own = "" if picture.folder_class is None else classes.ids[picture.folder_class]
    known = own and any(_class_of(file.name) == own for file in files)
    return tuple(file for file in files if not known or _class_of(file.name) in ("", own))
