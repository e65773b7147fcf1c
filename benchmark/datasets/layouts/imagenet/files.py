"""Finds the pictures and annotations of ImageNet in the layouts that people keep them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .....base import RaybenchError
from .....checkpoints import ClassList
from ...files import PICTURE_SUFFIXES, files_by_id, subfolders
from ...sample import LayoutError

_CLASS_BEHIND = re.compile(r"(?<=ILSVRC2012_val_\d{8})_(n\d{8})(?=\.\w+$)")
"""The class in a picture's name, as Hugging Face's archives have it."""


class ImageFiles(NamedTuple):
    """The files of one image: paths relative to the root of the dataset, with forward slashes.

    Attributes:
        picture: where it lies, or should.
        annotation: its XML file, or None if there is none.
        folder_class: the class whose folder the picture lies in, or None in a flat layout.
    """

    picture: str
    annotation: str | None
    folder_class: str | None


def find_image_files(root: Path, split: str, classes: ClassList) -> dict[str, ImageFiles]:
    """Find the files of every image below `root`, by image id; an annotation without its picture counts too.

    The first of the usual folders that holds pictures is taken, and the first that holds XML files; both may
    have sub-folders, one level deep. There need be no annotation; see `refuse_unlabelled`.

    Raises:
        LayoutError: no folder holds pictures.
        RaybenchError: two files share an id, or a folder of pictures is not named
            after a class.
    """
    folder, pictures = _first(root, _picture_folders(split), PICTURE_SUFFIXES)
    if not pictures:
        raise LayoutError(
            f"no pictures in {root}: looked for {split}/*.JPEG, {split}/<class>/*.JPEG, "
            f"ILSVRC/Data/CLS-LOC/{split}/*.JPEG and *.JPEG in the folder itself"
        )
    _, annotations = _first(root, (folder, *_annotation_folders(root, folder, split)), (".xml",))
    annotations = annotations or _of_any_name(root, pictures, split)
    pictures = _without_class(pictures, classes)
    files = {}
    for image_id, picture in pictures.items():
        parent = PurePosixPath(picture).parent
        folder_class = None if parent == PurePosixPath(folder) else parent.name
        if folder_class is not None and folder_class not in classes.index_of:
            raise RaybenchError(
                f"{root / parent} holds pictures, but is not named after a class of {classes.name}, such as "
                f"{classes.ids[0]}"
            )
        if folder_class is None and (named := _CLASS_BEHIND.search(picture)):
            folder_class = named[1] if named[1] in classes.index_of else None
        files[image_id] = ImageFiles(picture, annotations.get(image_id), folder_class)
    for image_id in annotations.keys() - files.keys():
        files[image_id] = ImageFiles(_join(folder, f"{image_id}.JPEG"), annotations[image_id], None)
    return files


def _without_class(pictures: Mapping[str, str], classes: ClassList) -> dict[str, str]:
    """Return pictures by the ids that annotations know, without the class that Hugging Face puts behind."""
    named = {image_id: _CLASS_BEHIND.search(path) for image_id, path in pictures.items()}
    return {
        image_id.removesuffix(f"_{found[1]}") if found and found[1] in classes.index_of else image_id: path
        for (image_id, path), found in zip(pictures.items(), named.values(), strict=True)
    }


def _of_any_name(root: Path, pictures: Mapping[str, str], split: str) -> dict[str, str]:
    """Return the XML of the first folder in root, of whatever name, that has some of these pictures."""
    for inner in subfolders(root):
        for folder in (inner, f"{inner}/{split}"):
            found = files_by_id(root, (folder,), (".xml",))
            if found.keys() & pictures.keys():
                return found
    return {}


def refuse_unlabelled(files: Mapping[str, ImageFiles], root: Path, split: str) -> None:
    """Refuse pictures of which nothing says what they show.

    Raises:
        LayoutError: none has an annotation, or lies in the folder of a class.
    """
    if not any(entry.annotation or entry.folder_class for entry in files.values()):
        folder = (root / next(iter(files.values())).picture).parent
        tables = sorted(path.relative_to(root) for at in ("*.csv", "*/*.csv") for path in root.glob(at))
        line = f"; if {tables[0]} has its form, write dataset: {{..., boxes: {tables[0]}}}" if tables else ""
        raise LayoutError(
            f"no picture in {folder} has an annotation or lies in the folder of a class; expected XML beside "
            f"the pictures or in {root / 'annotation'}, LOC_{split}_solution.csv, or {split}/<class>/*.JPEG"
            f"{line}"
        )


def around(root: Path, split: str) -> Iterator[str]:
    """Paths, relative to root, of the folder of ILSVRC that root is or lies in: `""`, `..`, `../..`, ..."""
    path, folder = "", root.resolve()
    yield path
    while folder.name in ("ILSVRC", "Data", "CLS-LOC", "dataset", split, f"ILSVRC2012_img_{split}"):
        path, folder = _join(path, ".."), folder.parent
        yield path


def _picture_folders(split: str) -> tuple[str, ...]:
    official = f"ILSVRC2012_img_{split}"  # as the official archive is unpacked
    return (
        *(
            f"ILSVRC/Data/CLS-LOC/{split}",
            f"Data/CLS-LOC/{split}",
            f"{split}/{split}",
            f"{split}/images",
            split,
        ),
        *(official, f"{official}/{split}", f"{split}/{official}"),
        *(f"ILSVRC2012/{split}", f"ILSVRC/{split}", f"dataset/ILSVRC/{split}", f"images/{split}", "images"),
        "",
    )


def _annotation_folders(root: Path, pictures: str, split: str) -> Iterator[str]:
    """Folders, other than that of the pictures, where annotations may lie, the most specific first."""
    for base in dict.fromkeys((pictures, pictures.rpartition("/")[0], "")):
        for name in ("annotation", "annotations", "Annotations", "Annotations/CLS-LOC"):
            yield _join(base, f"{name}/{split}")
            yield _join(base, name)
    yield f"ILSVRC/Annotations/CLS-LOC/{split}"
    official = f"ILSVRC2012_bbox_{split}_v3"  # as the official archive is unpacked
    for base in around(root, split):
        for name in (official, "bbox", "bboxes", "Annotations/CLS-LOC"):
            yield _join(base, f"{name}/{split}")
            yield _join(base, name)
    yield split  # what that archive holds, beside pictures in another folder


def _first(root: Path, folders: tuple[str, ...], suffixes: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Return the first folder that holds such files, and the files in it by id."""
    for folder in folders:
        found = files_by_id(root, (folder, *subfolders(root, folder)), suffixes)
        if found:
            return folder, found
    return "", {}


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
