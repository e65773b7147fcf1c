"""Reads masks of one's own: a PNG for each picture and class, or one whose pixels are numbers of classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from .....base import RaybenchError, Size
from .....checkpoints import ClassList
from ...files import files_by_id, files_of_ids, subfolders
from ...region import MaskRegion, Region
from ...sample import AnnotationError

_VOID = 255  # what VOC and others write for pixels that belong to no class


@dataclass(frozen=True)
class OwnMasks:
    """Masks of pictures, found but not read.

    Attributes:
        root: the folder that paths are relative to.
        by_class: paths by class and id of the picture, of `<class>/<picture>.png`.
        flat: paths by id of the picture, of `<picture>.png`.
    """

    root: Path
    by_class: Mapping[int, Mapping[str, str]]
    flat: Mapping[str, str]

    def files(self, image_id: str) -> tuple[Path, ...]:
        """Files of a picture, in a fixed order."""
        named = (*(one for _, one in sorted(self.by_class.items())), self.flat)
        return tuple(self.root / one[image_id] for one in named if image_id in one)

    def classes_of(self, image_id: str) -> frozenset[int]:
        """Classes that have a mask of a picture, as far as names of files say."""
        return frozenset(index for index, named in self.by_class.items() if image_id in named)

    def regions(
        self, image_id: str, size: Size, numbers: Sequence[int], folder_class: int | None
    ) -> dict[int, Region]:
        """Read the masks of a picture: the region of each class.

        Args:
            image_id: id of the picture.
            size: (height, width) that they have to have.
            numbers: the class that pixels of a mask in no class's folder stand for, the first for those of 1.
            folder_class: the class whose folder the picture lies in: what a mask of it shows then, or None.

        Raises:
            AnnotationError: a file cannot be read, is of another size, or holds numbers of no class.
        """
        found: dict[int, Region] = {}
        for index, named in sorted(self.by_class.items()):
            if image_id in named:
                found[index] = MaskRegion(_levels(self.root / named[image_id], size) != 0)
        if image_id not in self.flat:
            return found
        path = self.root / self.flat[image_id]
        levels = _levels(path, size)
        if folder_class is not None:
            return found | {folder_class: MaskRegion(levels != 0)}
        found_levels = [int(level) for level in np.unique(levels) if level not in (0, _VOID)]
        if not found_levels and (levels == _VOID).any():
            raise AnnotationError(
                f"{path} says where but not what: its pixels are 0 and 255; put it into a folder of the "
                "class's name, or give pixels the number of the class, from 1"
            )
        if found_levels and max(found_levels) > len(numbers):
            raise AnnotationError(
                f"{path} has pixels of the value {max(found_levels)}, but there are {len(numbers)} classes; "
                "expected 0 for none and the number of the class, from 1"
            )
        return found | {numbers[level - 1]: MaskRegion(levels == level) for level in found_levels}


def find_masks(root: Path, folder: str, classes: ClassList, ids: Collection[str]) -> OwnMasks:
    """Find masks of pictures below a folder: `<picture>.png`, `<class>/<picture>.png`, or both.

    Raises:
        RaybenchError: there is none, none has the name of a picture, or a folder is not named after a class.
    """
    by_class: dict[int, Mapping[str, str]] = {}
    paths = any("/" in image_id for image_id in ids)
    for inner in () if paths else subfolders(root, folder):
        named = files_by_id(root, (inner,), (".png",))
        if not named:
            continue
        try:
            index = classes.named(PurePosixPath(inner).name)
        except RaybenchError as error:
            raise RaybenchError(
                f"{root / inner} holds masks, but is not named after a class: {error}"
            ) from None
        if index in by_class:
            raise RaybenchError(
                f"two folders in {root / folder} are named after class {classes.ids[index]!r}"
            )
        by_class[index] = named
    flat = files_of_ids(root, folder, (".png",), ids) if paths else files_by_id(root, (folder,), (".png",))
    if not by_class and not flat:
        raise RaybenchError(f"no masks in {root / folder}; expected <picture>.png or <class>/<picture>.png")
    names = [*flat, *(name for named in by_class.values() for name in named)]
    if not set(names) & set(ids):
        raise RaybenchError(
            f"no mask in {root / folder} has the name of a picture: there is {names[0]}.png; expected "
            f"{min(ids)}.png"
        )
    return OwnMasks(root, by_class, flat)


def _levels(path: Path, size: Size) -> NDArray[np.int64]:
    """Read a mask's pixels, (H, W): levels of grey, numbers of a palette's colours, or 0 and 1."""
    try:
        with PIL.Image.open(path) as picture:
            levels = np.asarray(picture).astype(np.int64)
            if picture.mode == "RGB" and (levels == levels[:, :, :1]).all():
                levels = levels[:, :, 0]
            elif picture.mode not in ("1", "L", "P", "I", "I;16"):
                raise AnnotationError(
                    f"{path} is a mask in {picture.mode}; expected one of grey levels or of a palette"
                )
    except (OSError, SyntaxError, ValueError) as error:
        raise AnnotationError(f"cannot read the mask {path}: {str(error).lower()}") from None
    if levels.shape != tuple(size):
        raise AnnotationError(
            f"the mask {path} is of {levels.shape[1]} x {levels.shape[0]} pixels, its picture of "
            f"{size.width} x {size.height}; expected one size"
        )
    return levels
