"""Says what other tools have written into a folder of one's own, and the options that read it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

_LOOKED_AT = 2000  # files, for a hint
_CONVERT = "export it as COCO instead, and name the .json by the option boxes"


def elsewhere(root: Path) -> str:
    """Return the end of a message, beginning with `; `, for a folder without any of the usual files."""
    return next((f"; {hint}" for hint in _hints(root)), "")


def _hints(root: Path) -> Iterator[str]:
    inner = [path for path in sorted(root.glob("*")) if path.is_dir()]
    for path in (*_some(root, "*.json"), *_some(root, "*/*.json")):
        if path.match("*coco*.json") or path.match("instances*"):
            yield f"there is {_named(root, path)} in COCO's form: write {_line(root, path)}"
        elif path.with_suffix(".jpg").is_file() or path.with_suffix(".png").is_file():
            yield f"{_named(root, path)} and its like are of LabelMe: {_CONVERT}"
    for folder in inner:
        if (folder / "labels").is_dir() and (folder / "images").is_dir():
            yield (
                f"there are YOLO's folders in {folder.name}/: write images: {folder.name}/images, boxes: "
                f"{folder.name}/labels"
            )
        text = next(_some(folder, "*.txt"), None)
        if text is not None and any(text.with_suffix(end).is_file() for end in (".jpg", ".jpeg", ".png")):
            yield f"there are texts beside the pictures: write images: {folder.name}, boxes: {folder.name}"
        if folder.name in ("SegmentationClass", "masks_png", "mask", "segmentation", "Masks"):
            yield f"there is {folder.name}/: if its pixels are numbers of classes, write masks: {folder.name}"
    if (root / "annotations.xml").is_file():
        yield f"annotations.xml is of CVAT: {_CONVERT}"
    xml = next((path for folder in (root, *inner) for path in _some(folder, "*.xml")), None)
    if xml is not None:
        yield f"{_named(root, xml)} is of Pascal's form: write boxes: {_named(root, xml.parent)}"
    for path in _some(root, "*.json"):
        yield f"there is {path.name}: if it is in COCO's form, write {_line(root, path)}, else export it so"
    table = next((path for end in ("*.csv", "*.tsv", "*.xlsx") for path in _some(root, end)), None)
    if table is not None:
        name = table.with_suffix(".csv").name if table.suffix == ".xlsx" else table.name
        saved = "save it as .csv and " if table.suffix == ".xlsx" else ""
        yield f"there is {table.name}: {saved}write boxes: {name}"


def _some(folder: Path, pattern: str) -> Iterator[Path]:
    return iter(sorted(itertools.islice(folder.glob(pattern), _LOOKED_AT)))


def _named(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _line(root: Path, path: Path) -> str:
    """The options that read an instances file, and the pictures beside it where there are some."""
    beside = any(next(path.parent.glob(end), None) for end in ("*.jpg", "*.jpeg", "*.png"))
    images = f"images: {_named(root, path.parent)}, " if beside else ""
    return f"{images}boxes: {_named(root, path)}"
