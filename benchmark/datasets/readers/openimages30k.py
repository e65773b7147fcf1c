"""Reads OpenImages30k, the part of OpenImages that weakly supervised localization is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....base import Size
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import files_in, subfolders
from ..interface import dataset
from ..layouts.nearest import Layout
from ..layouts.own.objects import OwnPicture
from ..layouts.own.per_picture import Found, PictureMasks, read_levels
from ..region import MaskRegion
from ..sample import LayoutError
from ..selection import Selection
from .boxes import OwnFolder, pictures_in

__all__ = ["IGNORED", "open_openimages30k"]

IGNORED = "pixels that the benchmark ignores are counted as background"
"""Note on a sample."""


def _read(picture: OwnPicture, files: tuple[Path, ...], size: Size) -> Found:
    """Return the union of the masks of a picture."""
    mask = np.zeros(size, dtype=np.bool_)
    notes: list[str] = []
    for file in files:
        levels, remarks = read_levels(file, size)
        notes += remarks
        if file.name.endswith("_ignore.png"):
            notes += [IGNORED] * bool(levels.any())
        else:
            mask |= (levels != 0).any(axis=2)
    return ({} if picture.folder_class is None else {picture.folder_class: MaskRegion(mask)}), tuple(notes)


@dataset(
    "openimages30k",
    label="OpenImages30k",
    classes="",
    multilabel=False,
    signs=("{split}/*/*_ignore.png",),
    layouts=(Layout("wsolevaluation's", ("{split}/*/*.jpg", "{split}/*/*_m*.png")),),
)
def open_openimages30k(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "test"
) -> OwnFolder:
    """OpenImages30k: `<split>/<class>/<id>.jpg` beside masks `<id>_m*.png` and `<id>_ignore.png`.

    Root is `OpenImages`, or holds it. Without the option `classes` the classes are the folders, in
    alphabetical order. The region is the union of a picture's masks. Pixels that the benchmark ignores count
    as background, which is noted.

    Raises:
        RaybenchError: pictures or masks are not there.
    """
    base = next((one for one in (root, root / "OpenImages") if (one / split).is_dir()), None)
    if base is None:
        raise LayoutError(f"no pictures in {root}: looked for {split}/<class>/*.jpg there")
    folders = [Path(name).name for name in subfolders(base, split)]
    own = classes if len(classes) else ClassList("openimages30k", tuple(folders), tuple(folders))
    masks: dict[str, list[Path]] = {}
    for name in folders:
        for file in files_in(base / split / name, (".png",)):
            image_id = file.rpartition("_ignore.png")[0] or file.rpartition("_m")[0]
            masks.setdefault(image_id.split("_m")[0], []).append(base / split / name / file)
    pictures = [one for one in pictures_in(base / split, own) if not one.path.endswith(".png")]
    files = {one.image_id: tuple(masks[one.stem]) for one in pictures if one.stem in masks}
    if not files:
        raise LayoutError(f"no picture in {base / split} has a mask; expected <id>_m*.png beside <id>.jpg")
    by_id = {one.image_id: one for one in pictures}
    chosen = tuple(by_id[image_id] for image_id in selection.of(by_id, root))
    return OwnFolder("openimages30k", base / split, own, protocol, chosen, PictureMasks(files, _read), False)
