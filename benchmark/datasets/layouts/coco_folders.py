"""Finds the pictures and the instances file of a split of COCO in the layouts that people keep them in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from ..files import PICTURE_SUFFIXES, subfolders
from ..sample import LayoutError

_INNER = ("", "images")
_NAMED = re.compile(r"(ms)?coco([-_ ]?20\d\d)?", re.IGNORECASE)  # what people call the folder
_PREFIX = re.compile(r"^COCO_(?:train|val|test)20\d\d_(?=\d{12}\.)")


def find_coco(root: Path, split: str) -> tuple[Path, Path]:
    """Return the folder of the pictures of a split, and its instances file.

    A split that is a part of another's pictures, such as `minival2014`, has its own instances file and the
    other's folder, `val2014`.

    Raises:
        LayoutError: one of the two is not there; says which splits there are.
    """
    source = next((path for path in _sources(root, split) if path.is_file()), None)
    folders = [path for path in _folders(root, split) if path.is_dir()]
    folder = next(
        filter(_holds_pictures, folders), folders[0] if folders else None
    )  # it may hold folders alone
    if source and folder:
        return folder, source
    raise LayoutError(
        f"{root} does not look like COCO: expected pictures in {split}/ (or images/{split}/) and "
        f"annotations/instances_{split}.json{_others(root, split, source)}"
    )


def naming_in(folder: Path, first: str) -> Callable[[str], str]:
    """Return a function from the names of pictures in an instances file to those in a folder.

    Pictures of 2014 are called `COCO_val2014_000000000139.jpg` in their own instances file and their archive,
    and `000000000139.jpg` in those of 2017, which holds the same pictures divided otherwise. Some files put
    the folder before the name.

    Args:
        folder: of the pictures.
        first: name of the first picture in the file.
    """

    def short(name: str) -> str:
        path = PurePosixPath(name)
        return str(path.with_name(_PREFIX.sub("", path.name)))

    def long(name: str) -> str:
        path = PurePosixPath(name)
        return str(path.with_name(f"{prefix}{path.name}"))

    def same(name: str) -> str:
        return name

    def inner(name: str) -> str:
        return PurePosixPath(name).name

    if (folder / first).exists():
        return same
    if PurePosixPath(first).parent.name == folder.name and (folder / inner(first)).exists():
        return inner
    if (folder / short(first)).exists():
        return short
    year = re.search(r"(?:train|val|test)20\d\d", folder.name)
    prefix = f"COCO_{year.group()}_" if year else ""
    return long if prefix and (folder / long(first)).exists() else same


def _inner(root: Path) -> tuple[str, ...]:
    """Folders in root that may hold the whole."""
    return (*_INNER, *(name for name in subfolders(root) if _NAMED.fullmatch(name)))


def _sources(root: Path, split: str) -> Iterator[Path]:
    year = re.search(r"20\d\d", split)
    packed = f"annotations_trainval{year.group()}" if year else "annotations"
    for inner in _inner(root):
        for folder in ("annotations", "", f"{packed}/annotations", packed, "annotations/annotations", "raw"):
            yield root / inner / folder / f"instances_{split}.json"
        yield root / inner / split / "labels.json"
    for inner in subfolders(root):
        yield root / inner / f"instances_{split}.json"


def _folders(root: Path, split: str) -> Iterator[Path]:
    whole = re.search(r"(train|val|test)(20\d\d)$", split)
    names = [split, *([whole.group()] if whole else [])]
    for inner in _inner(root):
        for name in names:
            for folder in (name, f"images/{name}", f"{name}/{name}", f"{name}/images", f"{name}/data"):
                yield root / inner / folder
    if whole:
        short = whole.group(1)
        long = {"val": "validation"}.get(short, short)
        yield from (root / long / "data", root / long, root / short, root / "images" / short)
    yield from (root / "data" / split, root / "images")


def _holds_pictures(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix.lower() in PICTURE_SUFFIXES for path in folder.iterdir())


def _others(root: Path, split: str, source: Path | None) -> str:
    """Say which annotations there are, and the line that takes them where that is another dataset's."""
    if source:
        there = sorted(path.name for path in root.iterdir() if path.is_dir())[:8]
        named = f": there is {', '.join(there)}" if there else ""
        return f"; there is {source.relative_to(root)}, but no pictures of it{named}"
    files = sorted(path for at in ("*.json", "*/*.json", "*/*/instances_*.json") for path in root.glob(at))
    names = sorted({path.stem.removeprefix("instances_") for path in files if path.match("instances_*")})
    if names:
        return f"; there are annotations of {', '.join(names)}"
    files = [path for path in files if not path.match("captions_*") and not path.match("person_*")]
    folder = next((path for path in (*_folders(root, split), root / "images") if _holds_pictures(path)), None)
    if not files or not folder:
        return ""
    images, boxes = (path.relative_to(root).as_posix() for path in (folder, files[0]))
    line = f"{{name: boxes, images: {images}, boxes: {boxes}, classes: coco80}}"
    return f"; if {boxes} is in COCO's form, dataset: {line} with --data boxes={root} reads it"
