"""Finds the pictures and annotations of ImageNet in the layouts that people keep them in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ....base import RaybenchError
from ....checkpoints import ClassList
from ..files import PICTURE_SUFFIXES, files_by_id, subfolders
from ..sample import LayoutError

__all__ = ["ImageFiles", "find_image_files"]


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
    have sub-folders, one level deep.

    Raises:
        LayoutError: no folder holds pictures, or nothing says of any what it shows.
        RaybenchError: two files share an id, or a folder of pictures is not named
            after a class.
    """
    folder, pictures = _first(root, _picture_folders(split), PICTURE_SUFFIXES)
    if not pictures:
        raise LayoutError(
            f"no pictures in {root}: looked for {split}/*.JPEG, {split}/<class>/*.JPEG, "
            f"ILSVRC/Data/CLS-LOC/{split}/*.JPEG and *.JPEG in the folder itself"
        )
    _, annotations = _first(root, (folder, *_annotation_folders(folder, split)), (".xml",))
    files = {}
    for image_id, picture in pictures.items():
        parent = PurePosixPath(picture).parent
        folder_class = None if parent == PurePosixPath(folder) else parent.name
        if folder_class is not None and folder_class not in classes.index_of:
            raise RaybenchError(
                f"{root / parent} holds pictures, but is not named after a class of {classes.name}"
            )
        files[image_id] = ImageFiles(picture, annotations.get(image_id), folder_class)
    if not annotations and not any(entry.folder_class for entry in files.values()):
        raise LayoutError(
            f"no picture in {root / folder} has an annotation or lies in the folder of a class; expected "
            f"XML beside the pictures or in {root / 'annotation'}, or {split}/<class>/*.JPEG"
        )
    for image_id in annotations.keys() - files.keys():
        files[image_id] = ImageFiles(_join(folder, f"{image_id}.JPEG"), annotations[image_id], None)
    return files


def _picture_folders(split: str) -> tuple[str, ...]:
    return (f"ILSVRC/Data/CLS-LOC/{split}", f"Data/CLS-LOC/{split}", split, "")


def _annotation_folders(pictures: str, split: str) -> Iterator[str]:
    """Folders, other than that of the pictures, where annotations may lie, the most specific first."""
    for base in dict.fromkeys((pictures, "")):
        for name in ("annotation", "annotations", "Annotations", "Annotations/CLS-LOC"):
            yield _join(base, f"{name}/{split}")
            yield _join(base, name)
    yield f"ILSVRC/Annotations/CLS-LOC/{split}"


def _first(root: Path, folders: tuple[str, ...], suffixes: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Return the first folder that holds such files, and the files in it by id."""
    for folder in folders:
        found = files_by_id(root, (folder, *subfolders(root, folder)), suffixes)
        if found:
            return folder, found
    return "", {}


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
