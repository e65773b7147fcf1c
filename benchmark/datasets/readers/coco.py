"""Reads COCO: pictures with instance masks of eighty classes."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ....base import Box, RaybenchError, Size
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import fingerprint_of, leads_out
from ..interface import dataset
from ..layouts.coco_file import parse_records, read_coco_file
from ..layouts.coco_folders import find_coco, naming_in
from ..layouts.coco_masks import box_around, encode, has_pixels, outline, remarks_on, union
from ..layouts.nearest import Layout
from ..pictures import ReadPicture, as_annotated, read_picture
from ..region import MaskRegion, unaffordable
from ..sample import AnnotationError, InOrder, Query, Sample
from ..selection import Selection
from ..subsets import DIFFICULT, with_difficult

EMPTY_PART = "an annotation has no pixels (an empty mask); the others of its class are used"
EMPTY_MASK = "the mask of a class has no pixels (an empty mask); every map misses it"
SAME_ID = "an annotation has the id of another one; both are used"


@dataclass(eq=False)
class Coco(InOrder):
    """A folder of pictures that may show several classes each, with masks; see `open_coco`.

    Attributes:
        root: the folder of the pictures.
        source: the instances file.
        categories: class index by category id, or the category's name where the class list lacks it.
        file_names: of the pictures.
        sizes: of the pictures, as the instances file gives them.
        annotations: of each picture: a list of records, as JSON text that is parsed when the sample is read.
        repeated: ids that several annotations have.
        boxes_too: whether the box of an annotation stands in for a segmentation that it lacks.
    """

    name: str
    root: Path
    source: Path
    classes: ClassList
    categories: dict[int, int | str] = field(repr=False)
    image_ids: tuple[str, ...] = field(repr=False)
    file_names: tuple[str, ...] = field(repr=False)
    sizes: tuple[Size, ...] = field(repr=False)
    annotations: tuple[str, ...] = field(repr=False)
    repeated: frozenset[int | float | str] = field(repr=False, default=frozenset())
    multilabel: bool = True
    has_images: bool = True
    read_file: ReadPicture = read_picture
    subsets: tuple[str, ...] = (DIFFICULT,)
    boxes_too: bool = False

    def __getitem__(self, index: int) -> Sample:
        """See `Dataset`."""
        size, place = self.sizes[index], f"{self.source}: {self.file_names[index]}"
        picture, notes = as_annotated(self.read_file(self._picture(index)), size, place)
        encoded: dict[int, list[dict[str, Any]]] = {}
        boxes: dict[int, list[Box]] = {}
        empty: list[int] = []
        for record in self._records(index):
            class_index = self._class_of(record, index)
            if self.boxes_too and not record.get("segmentation"):
                record = {**record, "segmentation": outline(record.get("bbox"))}
            try:
                found = encode(record.get("segmentation"), size)
            except ValueError as error:
                boxed = record.get("bbox") and not record.get("segmentation")
                hint = f"; {{name: boxes, boxes: {self.source.name}}} takes its bbox" if boxed else ""
                place = self._place(record, index)
                raise AnnotationError(f"{place} cannot be used: {error}{hint}") from None
            encoded.setdefault(class_index, []).extend(found)
            if has_pixels(found):
                boxes.setdefault(class_index, []).append(box_around(found))
            else:
                empty.append(class_index)
            notes += remarks_on(record, found, size)
            if record.get("id") in self.repeated:
                notes.append(SAME_ID)
        too_large = unaffordable(size, len(encoded))
        if too_large:
            raise AnnotationError(f"{place}: {too_large}")
        regions = {
            key: MaskRegion(union(parts, size), tuple(boxes.get(key, ())))
            for key, parts in sorted(encoded.items())
        }
        notes += [EMPTY_PART for class_index in empty if regions[class_index].pixels.any()]
        notes += [EMPTY_MASK for region in regions.values() if not region.pixels.any()]
        queries = with_difficult((Query(*entry) for entry in regions.items()), regions.keys())
        return Sample(self.image_ids[index], size, picture, queries, tuple(regions), tuple(notes))

    def _picture(self, index: int) -> Path:
        path = Path(self.path_of(index))
        if leads_out(path, self.root):  # whoever wrote the file chose the name
            raise AnnotationError(
                f"{self.source}: {self.file_names[index]} leads by a link out of {self.root}; copy the file"
            )
        return path

    def _records(self, index: int) -> list[dict[str, Any]]:
        try:
            records: list[dict[str, Any]] = parse_records(self.annotations[index])
        except (ValueError, RecursionError) as error:
            place = f"{self.source}: an annotation of {self.file_names[index]}"
            raise AnnotationError(f"{place} cannot be used: {error}") from None
        return records

    def path_of(self, index: int) -> str:
        """Path of the picture."""
        return str(self.root / self.file_names[index])

    def fingerprint(self) -> str:
        """SHA-256 over image ids, sizes, annotations as they are written, and classes of the categories."""
        categories = sorted(
            (number, self.classes.ids[entry] if isinstance(entry, int) else entry)
            for number, entry in self.categories.items()
        )
        rows = zip(self.image_ids, self.sizes, self.annotations, strict=True)
        return fingerprint_of(
            (
                str(categories),
                *(part for image_id, size, text in rows for part in (image_id, str([*size]), text)),
            )
        )

    def _class_of(self, record: dict[str, Any], index: int) -> int:
        number = record.get("category_id")
        entry = self.categories.get(number) if type(number) is int else None
        if isinstance(entry, int):
            return entry
        if entry is None:
            raise AnnotationError(f"{self._place(record, index)} has an unknown category_id: {number!r}")
        raise AnnotationError(
            f"{self._place(record, index)} is of category {entry!r}, which is not in the class list "
            f"{self.classes.name!r}"
        )

    def _place(self, record: dict[str, Any], index: int) -> str:
        return f"{self.source}: annotation {record.get('id')} of {self.file_names[index]}"


@dataset(
    "coco",
    label="COCO",
    classes="coco80",
    multilabel=True,
    signs=("annotations/instances_{split}.json",),
    layouts=(
        Layout("COCO's own", ("{split}/*.jpg", "annotations/instances_{split}.json")),
        Layout("YOLO's", ("images/{split}/*.jpg", "annotations/instances_{split}.json")),
    ),
)
def open_coco(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "val2014"
) -> Coco:
    """COCO pictures with instance masks: `val2014/*.jpg` and `annotations/instances_val2014.json`.

    The option `split` takes another pair, such as `val2017`; pictures may also lie in `images/<split>/`, both
    may lie in folders named after their archives, and `minival2014` takes the pictures of `val2014`.

    One query per class with at least one annotation, crowds included, whatever `Protocol.queries` says; its
    region is the union of the class's instance masks. Categories are matched to the class list by name. An
    image without annotations has no queries. A class whose polygons have no area is asked about all the
    same: its region is empty, and no map can hit it. An annotation that cannot be used raises
    `AnnotationError` when its image is read.

    Raises:
        RaybenchError: the pictures or the instances file are not there, or the file is damaged.
    """
    folder, source = find_coco(root, split)
    return open_instances("coco", folder, source, classes, selection)


def open_instances(
    name: str,
    folder: Path,
    source: Path,
    classes: ClassList,
    selection: Selection,
    *,
    boxes_too: bool = False,
) -> Coco:
    """Open pictures in a folder with the instances file `source`; see `open_coco` and `Coco`.

    With `boxes_too`, pictures may hold several classes only if any does.
    """
    content = read_coco_file(source)
    categories = {
        number: _named(name, classes, by_label=boxes_too) for number, name in content.categories.items()
    }
    if not any(isinstance(entry, int) for entry in categories.values()):
        given = ", ".join(map(str, list(categories.values())[:3]))
        raise RaybenchError(
            f"no category of {source} is in the class list {classes.name!r}: it has {given}, and the list "
            f"{', '.join(classes.ids[:3])}"
        )
    images: dict[str, dict[str, Any]] = {}
    for image in content.images:
        image_id = PurePosixPath(image["file_name"]).stem
        if image_id in images:
            raise RaybenchError(
                f"{source} lists two pictures of the same name, {images[image_id]['file_name']!r} and "
                f"{image['file_name']!r}; rename one"
            )
        images[image_id] = image
    image_ids = selection.of(images, folder)
    chosen = [images[image_id] for image_id in image_ids]
    named = naming_in(folder, content.images[0]["file_name"]) if content.images else str
    annotations = tuple(f"[{','.join(content.annotations.get(image['id'], []))}]" for image in chosen)
    return Coco(
        name=name,
        root=folder,
        source=source,
        classes=classes,
        categories=categories,
        image_ids=image_ids,
        file_names=tuple(named(image["file_name"]) for image in chosen),
        sizes=tuple(Size(image["height"], image["width"]) for image in chosen),
        annotations=annotations,
        repeated=content.repeated,
        multilabel=not boxes_too or any(map(_several, annotations)),
        boxes_too=boxes_too,
    )


def _named(name: str, classes: ClassList, *, by_label: bool) -> int | str:
    """Return the index of the class of a category, or its name if it is none."""
    with suppress(RaybenchError):
        return classes.named(name) if by_label else classes.index_of.get(name, name)
    return name


def _several(annotations: str) -> bool:
    """Say whether annotations are of several classes."""
    return len(set(re.findall(r'"category_id"\s*:\s*(\d+)', annotations))) > 1
