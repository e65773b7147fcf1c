"""Looks at a folder of one's own that no suite describes yet: what lies where in it."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .....base import RaybenchError
from ...files import PICTURE_SUFFIXES, files_in, subfolders
from .box_table import box_columns, read_rows
from .hints import elsewhere
from .listed_classes import ListedClasses, find_classes

_SPLITS = ("val", "valid", "validation", "test", "testing", "dev", "train", "training")
"""First words of names of splits: what a network was likeliest not trained on comes first."""

_SPLIT = re.compile(rf"({'|'.join(_SPLITS)})[-_]?\d*", re.IGNORECASE)
_IMAGES = ("images", "jpegimages")
_MASKS = ("masks", "mask", "masks_png", "segmentation", "segmentationclass")
_DEPTH = 3


class FoundFolder(NamedTuple):
    """What a folder holds.

    Attributes:
        images: the folder of pictures in it.
        truth: the option of the dataset `boxes` that says where objects are, and its value.
        classes: ids of the classes, in the order of what lists them, else sorted.
        listed: what lists the classes, or None.
        left_out: other folders with pictures, such as those of other splits.
    """

    images: str
    truth: dict[str, str]
    classes: list[str]
    listed: ListedClasses | None
    left_out: list[str]


def look_at(folder: Path) -> FoundFolder:
    """Find pictures, the objects in them, and the names of the classes.

    What says where objects are is known by the names of the pictures, wherever it lies. Of several splits
    one is taken if it has annotations of its own.

    Raises:
        RaybenchError: pictures, objects or names are not there; says how they are written.
    """
    if not folder.is_dir():
        raise RaybenchError(f"there is no folder {folder}; name one that holds pictures")
    below = list(_below(folder))
    holders = [one for one in below if files_in(folder / one, PICTURE_SUFFIXES) and not _has(one, _MASKS)]
    if not holders:
        raise RaybenchError(f"no folder in {folder} holds pictures; put them into {folder / 'images'}")
    likely = [one for one in holders if _has(one, _IMAGES)] or holders
    splits = sorted({_split(one) for one in likely}, key=_preference)
    unlike: list[RaybenchError] = []
    for split in dict.fromkeys(("" if "" in splits else splits[0], "")):
        pictures = _pictures(folder, likely, split)
        found = _truth(pictures, below, unlike)
        if found:
            listed = find_classes(folder, (pictures.folder, found.folder))
            classes = list(listed.names) if listed else found.classes
            if not classes:
                raise RaybenchError(
                    f"nothing names the classes; write {folder / 'classes.txt'}, a line for each, in order"
                )
            read = (pictures.folder, *subfolders(folder, pictures.folder))
            left_out = [one for one in holders if one not in read]
            return FoundFolder(pictures.folder or ".", found.option, classes, listed, left_out)
    why = "".join(f"; {one}" for one in dict.fromkeys(map(str, unlike)))
    raise RaybenchError(
        f"{folder} does not say where objects are: put boxes.csv there, with the header "
        f"image,class,x0,y0,x1,y1 and a line for each box of a picture (or "
        f"LabelImg's .xml, COCO's .json, YOLO's labels/, or masks/){why or elsewhere(folder)}"
    )


class _Pictures(NamedTuple):
    """Names of the pictures in a folder below `root`, without extension, and the split that they are."""

    root: Path
    folder: str
    stems: set[str]
    split: str

    def fit(self, named: Collection[str]) -> bool:
        """Say whether annotations are of these pictures; those of a split are not those of all."""
        common = len(self.stems & set(named))
        return 10 * common >= 9 * len(named) if self.split and common else bool(common)


class _Truth(NamedTuple):
    """What says where objects are: an option and its value, the folder that it is or lies in, classes."""

    option: dict[str, str]
    folder: str
    classes: list[str]


def _pictures(root: Path, holders: Iterable[str], split: str) -> _Pictures:
    room = _room([one for one in holders if not split or _split(one) == split], _IMAGES)
    names = (
        name for one in (room, *subfolders(root, room)) for name in files_in(root / one, PICTURE_SUFFIXES)
    )
    return _Pictures(root, room, {PurePosixPath(name).stem for name in names}, split)


def _truth(pictures: _Pictures, below: list[str], unlike: list[RaybenchError]) -> _Truth | None:
    """Find what says where the objects in some pictures are; tables that do not are put into `unlike`."""
    root, found = pictures.root, []

    def likely(path: Path) -> tuple[bool, bool]:
        return pictures.split not in path.name, "instances" not in path.name

    for path in (root / one / name for one in below for name in files_in(root / one, (".csv", ".tsv"))):
        try:
            named, classes = _table(path)
        except RaybenchError as error:
            unlike.append(error)
            continue
        if pictures.fit(named) or not pictures.split:
            found.append((len(named & pictures.stems), path, classes))
    files = [root / one / name for one in below for name in files_in(root / one, (".json",))]
    for path in sorted(files, key=likely):
        if path.stem in pictures.stems:  # LabelMe's
            continue
        named, classes = _instances(path)
        if pictures.fit(named):
            found.append((len(named & pictures.stems), path, classes))
            if pictures.split and pictures.split in path.name:
                break  # other splits' files may be gigabytes
    if found:
        most = max(number for number, _, _ in found)
        best = [(path, classes) for number, path, classes in found if number == most]
        path, classes = min(best, key=lambda one: likely(one[0]))
        name = path.relative_to(root)
        return _Truth({"boxes": name.as_posix()}, name.parent.as_posix(), classes)
    for suffix in (".xml", ".txt"):
        beside = [one for one in below if pictures.fit(_stems(root / one, suffix))]
        if beside:
            room = _room(beside, ())
            classes = sorted(_objects(root, beside)) if suffix == ".xml" else []
            return _Truth({"boxes": room or "."}, room, classes)
    masks = [one for one in below if _has(one, _MASKS) and _stems(root / one, ".png")]
    masks = [one for one in masks if _split(one) in ("", pictures.split) or not pictures.split]
    if masks:
        room = _room(masks, _MASKS)
        return _Truth({"masks": room}, room, [PurePosixPath(one).name for one in masks if one != room])
    return None


def _below(root: Path, folder: str = "", depth: int = _DEPTH) -> Iterator[str]:
    """Yield a folder and those in it, as paths relative to `root`."""
    yield folder
    for inner in subfolders(root, folder) if depth else ():
        yield from _below(root, inner, depth - 1)


def _room(folders: Iterable[str], names: Collection[str]) -> str:
    """Return the folder that some lie in, of which one may be all: `images` for `images/wren`."""
    common = PurePosixPath(posixpath.commonpath(folders))
    alone = common.parent.name.lower() in names and not _split(common.name)
    return "" if common == PurePosixPath() else str(common.parent if alone else common)


def _has(path: str, names: Collection[str]) -> bool:
    return any(part.lower() in names for part in PurePosixPath(path).parts)


def _split(path: str) -> str:
    """Return the part of a path that is the name of a split, such as `val2017`; empty if none is."""
    return next((part for part in PurePosixPath(path).parts if _SPLIT.fullmatch(part)), "")


def _preference(split: str) -> tuple[int, str]:
    word = re.match("[a-z]+", split.lower())
    return _SPLITS.index(word.group()) if word else len(_SPLITS), split


def _stems(folder: Path, suffix: str) -> set[str]:
    return {PurePosixPath(name).stem for name in files_in(folder, (suffix,))}


def _table(path: Path) -> tuple[set[str], list[str]]:
    """Return the names of the pictures in a table of boxes, and those of the classes; refuse other tables."""
    header, rows = read_rows(path)
    box_columns(header, path)
    image, label = header.index("image"), header.index("class")
    lines = [fields for _, fields in rows if len(fields) == len(header)]
    named = {PurePosixPath(fields[image].strip().replace("\\", "/")).name for fields in lines}
    stems = {PurePosixPath(name).stem if name.lower().endswith(PICTURE_SUFFIXES) else name for name in named}
    return stems, sorted({fields[label].strip() for fields in lines})


def _instances(path: Path) -> tuple[set[str], list[str]]:
    """Return the names of the pictures in a file in COCO's form, and its categories; nothing of another."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):  # a run names what is wrong
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        categories = sorted(content["categories"], key=lambda one: one["id"])
        used = {one["category_id"] for one in content["annotations"]}
        # Roboflow lists the category of all categories too
        above = {one.get("supercategory") for one in categories if one["id"] in used}
        names = [one["name"] for one in categories if one["id"] in used or one["name"] not in above]
        return {PurePosixPath(one["file_name"]).stem for one in content["images"]}, names
    return set(), []


def _objects(root: Path, folders: Iterable[str]) -> set[str]:
    """Names in the files that LabelImg writes, of Pascal VOC's form."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    found: set[str] = set()
    for path in (root / one / name for one in folders for name in files_in(root / one, (".xml",))):
        with suppress(ParseError, DefusedXmlException, ValueError):  # a run names the file
            found |= {(one.findtext("name") or "").strip() for one in parse(path).iter("object")}
    return found
