"""Reads the boxes of ImageNet's validation images without the images, for rows that need no model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....base import RaybenchError, Size
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import fingerprint_of
from ..interface import dataset
from ..layouts.boxes import WrittenBox, region_of
from ..layouts.imagenet.tables import wsol_folder
from ..layouts.imagenet.wsol_boxes import COLUMNS, read_wsol_boxes
from ..pictures import POSSIBLE_SIZES, is_possible_size
from ..sample import AnnotationError, InOrder, LayoutError, Query, Sample
from ..selection import Selection


@dataclass(eq=False)
class ImageNetBoxes(InOrder):
    """One query per image, with boxes; see `open_imagenet_boxes`.

    Attributes:
        class_indices: int64 (N,).
        sizes: int64 (N, 2), width and height, as written.
        first_box: int64 (N + 1,): image i has boxes first_box[i] ... first_box[i + 1] - 1.
        boxes: int64 (M, 4), xmin, ymin, xmax and ymax, as written.
    """

    name: str
    root: Path
    classes: ClassList
    protocol: Protocol
    image_ids: tuple[str, ...] = field(repr=False)
    class_indices: NDArray[np.int64] = field(repr=False)
    sizes: NDArray[np.int64] = field(repr=False)
    first_box: NDArray[np.int64] = field(repr=False)
    boxes: NDArray[np.int64] = field(repr=False)
    multilabel: bool = False
    has_images: bool = False

    def __getitem__(self, index: int) -> Sample:
        """See `Dataset`; the image of every sample is None."""
        image_id, class_index = self.image_ids[index], int(self.class_indices[index])
        width, height = self.sizes[index].tolist()
        size = Size(height, width)
        place = f"{self.path_of(index)}, {image_id}"
        if not is_possible_size(*size):
            raise AnnotationError(
                f"{self.root / 'image_sizes.txt'}, {image_id}: the size is {width} x {height} "
                f"(width x height); expected {POSSIBLE_SIZES}"
            )
        rows = self.boxes[self.first_box[index] : self.first_box[index + 1]].tolist()
        if not rows:
            raise AnnotationError(f"{place} has no box")
        written = [WrittenBox(*row) for row in rows]
        region, notes = region_of(written, size, legacy=self.protocol.legacy_boxes, place=place)
        return Sample(image_id, size, None, (Query(class_index, region),), (class_index,), notes)

    def path_of(self, index: int) -> str:
        """Path of the file with the boxes."""
        return str(self.root / "localization.txt")

    def fingerprint(self) -> str:
        """SHA-256 over image ids, classes, sizes and boxes."""
        arrays = (self.class_indices, self.sizes, self.first_box, self.boxes)
        return fingerprint_of((*self.image_ids, *(numbers.astype("<i8").tobytes() for numbers in arrays)))


@dataset(
    "imagenet_boxes",
    label="ImageNet boxes",
    classes="imagenet1k",
    multilabel=False,
    folder="imagenet/all_val_boxes",
    signs=("class_labels.txt",),
)
def open_imagenet_boxes(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection
) -> ImageNetBoxes:
    """ImageNet boxes without pictures, from three text files, for attributions that need no model.

    Lines of `class_labels.txt` are `file,class index`, of `image_sizes.txt` `file,width,height`, and of
    `localization.txt` `file,xmin,ymin,xmax,ymax`, with one line per box: the metadata of
    clovaai/wsolevaluation. Its coordinates are those of ILSVRC's XML files, number by number, and are
    therefore read by the rule for those (from 1, both ends inside): an image has the same region here and in
    `imagenet`. (They run from 0 to width - 1 and height - 1, so that the annotators seem to have counted from
    0. The protocols follow the published code, which takes them to count from 1.)

    Raises:
        RaybenchError: a file is missing, or a line is not of its form; names file and line.
    """
    root = wsol_folder(root) or root
    missing = [name for name in COLUMNS if not (root / name).is_file()]
    if missing:
        raise LayoutError(f"{root} has no {' and no '.join(missing)}; expected {', '.join(COLUMNS)} in it")
    ids, labels, sizes, boxed, boxes = read_wsol_boxes(root)
    image_ids = selection.of(ids, root)
    chosen = _positions(image_ids, ids)
    class_indices = labels[chosen]
    if class_indices.max() >= len(classes):
        raise RaybenchError(
            f"{root / 'class_labels.txt'} has the class index {class_indices.max()}, "
            f"but {classes.name!r} has {len(classes)} classes"
        )
    rank = {image_id: position for position, image_id in enumerate(image_ids)}
    image_of = np.array([rank.get(image_id, -1) for image_id in boxed], dtype=np.int64)
    order = np.argsort(image_of, kind="stable")
    order = order[image_of[order] >= 0]
    first_box = np.searchsorted(image_of[order], np.arange(len(image_ids) + 1))
    return ImageNetBoxes(
        "imagenet_boxes",
        root,
        classes,
        protocol,
        image_ids,
        class_indices,
        sizes[chosen],
        first_box,
        boxes[order],
    )


def _positions(wanted: tuple[str, ...], ids: list[str]) -> list[int]:
    """Where each of the wanted ids stands in `ids`."""
    position_of = {image_id: position for position, image_id in enumerate(ids)}
    return [position_of[image_id] for image_id in wanted]
