"""Looks at a folder of one's own that no suite describes yet: what lies where in it."""

from __future__ import annotations

import contextlib
import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

from .....base import RaybenchError
from .....checkpoints import load_classes
from ...files import PICTURE_SUFFIXES, files_in


class FoundFolder(NamedTuple):
    """What a folder holds.

    Attributes:
        images: the folder of pictures in it.
        truth: the option of the dataset `boxes` that says where objects are, and its value.
        classes: ids of the classes, in the order of the file that lists them, else sorted.
        class_list: that file, or None.
    """

    images: str
    truth: dict[str, str]
    classes: list[str]
    class_list: Path | None


def look_at(folder: Path) -> FoundFolder:
    """Find pictures, the objects in them, and the names of the classes.

    Raises:
        RaybenchError: pictures, objects or names are not there; says how they are written.
    """
    if not folder.is_dir():
        raise RaybenchError(f"there is no folder {folder}; name one that holds pictures")
    for images in _subfolders(folder):
        inside = folder / images
        if any(files_in(one, PICTURE_SUFFIXES) for one in (inside, *filter(Path.is_dir, inside.iterdir()))):
            break
    else:
        raise RaybenchError(f"no folder in {folder} holds pictures; put them into {folder / 'images'}")
    names = ("classes.txt", "names.txt", "labels.txt", "obj.names")
    listed = next((folder / name for name in names if (folder / name).is_file()), None)
    known = list(load_classes(str(listed)).ids) if listed else []
    truth, classes = _truth(folder, images, known)
    return FoundFolder(images, truth, classes, listed)


def _subfolders(folder: Path) -> list[str]:
    names = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    return sorted(names, key=lambda name: (name != "images", name == "masks", name))


def _truth(folder: Path, images: str, known: list[str]) -> tuple[dict[str, str], list[str]]:
    """Find what says where the objects are, and the names of the classes, unless they are known."""
    for path in sorted(folder.glob("*.csv")):
        rows = _rows(path)
        if rows and {"image", "class"} <= rows[0].keys():
            return {"boxes": path.name}, known or sorted({row["class"].strip() for row in rows})
    for path in sorted(folder.glob("*.json")):
        content = _json(path)
        if "annotations" in content and "categories" in content:
            categories = sorted(content["categories"], key=lambda one: one["id"])
            return {"boxes": path.name}, known or [one["name"] for one in categories]
    for name in (images, *_subfolders(folder)):
        objects = _objects(folder / name)
        if objects is not None:
            return {"boxes": name}, known or sorted(objects)
    for name, option in (("labels", "boxes"), ("masks", "masks")):
        if (folder / name).is_dir():
            classes = known or list(_subfolders(folder / name))
            if not classes:
                raise RaybenchError(
                    f"nothing names the classes; write {folder / 'classes.txt'}, a line for each, in order"
                )
            return {option: name}, classes
    raise RaybenchError(
        f"{folder} does not say where objects are: put boxes.csv there, with the header "
        f"image,class,x0,y0,x1,y1 and a line for each box of a picture in {images}/ (or LabelImg's .xml, "
        "COCO's .json, YOLO's labels/, or masks/)"
    )


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table, by the names in its header, in lower case."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = [name.strip().lower() for name in next(csv.reader(file), [])]
        return list(csv.DictReader(file, fieldnames=names))


def _objects(folder: Path) -> set[str] | None:
    """Names in the files that LabelImg writes, of Pascal VOC's form, in a folder; None without a file."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    found: set[str] | None = None
    for path in sorted(folder.rglob("*.xml")):
        with contextlib.suppress(ParseError, DefusedXmlException, ValueError):  # a run names the file
            names = {(one.findtext("name") or "").strip() for one in parse(path).iter("object")}
            found = names | (found or set())
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
