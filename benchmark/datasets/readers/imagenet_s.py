"""Reads ImageNet-S: pictures of ImageNet with a mask of their class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....base import RaybenchError, Size
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import files_of_ids, subfolders
from ..interface import dataset
from ..layouts.nearest import Layout
from ..layouts.own.objects import OwnPicture
from ..layouts.own.per_picture import Found, PictureMasks, read_levels
from ..region import MaskRegion
from ..sample import AnnotationError, LayoutError
from ..selection import Selection
from .boxes import OwnFolder, own_folder, pictures_in

_SIZES = (50, 300, 919)
_IGNORED = 1000


@dataclass(frozen=True)
class _Reader:
    """Reads a mask; `numbers` are those of classes, by their index, or empty if they are not known."""

    numbers: Mapping[int, int]

    def __call__(self, picture: OwnPicture, files: tuple[Path, ...], size: Size) -> Found:
        levels, notes = read_levels(files[0], size)
        if levels.shape[2] < 3:
            raise AnnotationError(f"{files[0]} is grey; expected a mask whose red and green say the class")
        numbers = levels[:, :, 0] + 256 * levels[:, :, 1]
        index = picture.folder_class
        if index is None:
            raise AnnotationError(f"{picture.path} lies in no folder of a class")
        known = self.numbers.get(index)
        if known is None:
            shown = [int(one) for one in np.unique(numbers) if one not in (0, _IGNORED)]
            if len(shown) != 1:
                raise AnnotationError(
                    f"{files[0]} shows the classes {shown}, and nothing says which is its folder's; put "
                    "ImageNetS_categories_im919.txt (or im300, im50) beside the pictures"
                )
            known = shown[0]
        return {index: MaskRegion(numbers == known)}, notes


@dataset(
    "imagenet_s",
    label="ImageNet-S",
    classes="imagenet1k",
    multilabel=False,
    signs=("validation-segmentation",),
    layouts=(Layout("that of its archive", ("{split}/n*/*", "{split}-segmentation/n*/*.png")),),
)
def open_imagenet_s(
    root: Path,
    protocol: Protocol,
    classes: ClassList,
    selection: Selection,
    *,
    split: str = "validation",
    size: int = 919,
) -> OwnFolder:
    """ImageNet-S: `validation/<synset>/*.JPEG` and `validation-segmentation/<synset>/*.png`.

    Root is `ImageNetS919` (or 300, 50, by the option `size`), or holds it. The region is that of the folder's
    class; pixels of other classes, of none and those to be ignored are no part of it. Which number stands for
    which class is the order of `ImageNetS_categories_im<size>.txt` or, where all classes are there, of the
    folders.

    Raises:
        RaybenchError: pictures or masks are not there.
    """
    if size not in _SIZES:
        raise RaybenchError(f"option 'size' of dataset 'imagenet_s' is {size}; expected 50, 300 or 919")
    base = next((one for one in (root, root / f"ImageNetS{size}") if (one / split).is_dir()), root)
    masks = f"{split}-segmentation"
    if not (base / split).is_dir() or not (base / masks).is_dir():
        raise LayoutError(f"no pictures in {root}: looked for {split}/<synset>/ and {masks}/<synset>/ there")
    pictures = pictures_in(base / split, classes)
    found = files_of_ids(base, masks, (".png",), ids := [one.image_id for one in pictures])
    files = {image_id: (base / found[image_id],) for image_id in ids if image_id in found}
    if not files:
        raise LayoutError(f"no picture in {base / split} has a mask of its name in {masks}/<synset>/")
    numbers = {
        classes.index_of[name]: number
        for number, name in enumerate(_categories(base, size, split), 1)
        if name in classes.index_of
    }
    objects = PictureMasks(files, _Reader(numbers))
    return own_folder("imagenet_s", base / split, classes, protocol, pictures, objects, selection)


def _categories(base: Path, size: int, split: str) -> list[str]:
    """Return the synsets in the order of their numbers; none if that is not known."""
    for folder in (base, base.parent, base / "categories", base.parent / "categories"):
        file = folder / f"ImageNetS_categories_im{size}.txt"
        if file.is_file():
            return [line.split()[0] for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [Path(name).name for name in subfolders(base, split)]
    return names if len(names) == size else []
