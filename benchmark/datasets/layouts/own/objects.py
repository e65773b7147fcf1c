"""The objects in pictures of one's own, whichever way they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from .....base import RaybenchError, Size
from .....checkpoints import ClassList
from ...files import files_of_ids, read_text
from ...region import MaskRegion, Region
from ..boxes import WrittenBox, plain_number, region_of
from ..coco_masks import encode, union
from ..voc_xml import read_annotation
from .box_table import OwnBox, index_named
from .hints import elsewhere
from .masks import OwnMasks
from .yolo import YoloObject, read_yolo, read_yolo_class

REPEATED = "an object is there twice; used once"
"""Note on a sample."""


class OwnPicture(NamedTuple):
    """A picture: its id, its path below the folder of pictures, the class whose folder it lies in or None."""

    image_id: str
    path: str
    folder_class: int | None

    @property
    def stem(self) -> str:
        """Name of the file without folder and extension."""
        return self.path.rpartition("/")[2].rpartition(".")[0] or self.path.rpartition("/")[2]


class Objects(Protocol):
    """Where the objects of all pictures are."""

    @property
    def several(self) -> bool:
        """Whether any picture shows several classes."""

    def size(self, picture: OwnPicture) -> Size | None:
        """(height, width) of the picture that was annotated, in pixels, or None if nothing says."""
        return None

    def regions(
        self, picture: OwnPicture, size: Size, *, legacy: bool
    ) -> tuple[dict[int, Region], tuple[str, ...]]:
        """Return the region of each class that a picture shows, with notes.

        Args:
            picture: which.
            size: (height, width) in pixels of the picture that was annotated.
            legacy: as in `Protocol.legacy_boxes`; boxes that count from 0 lose nothing by it.

        Raises:
            AnnotationError: the objects cannot be used; says which, and where.
        """

    def content(self, picture: OwnPicture) -> Iterable[bytes | str]:
        """What defines the objects of a picture, for the fingerprint."""


@dataclass(frozen=True)
class TableObjects(Objects):
    """Boxes of a table, by id of the picture."""

    boxes: Mapping[str, tuple[OwnBox, ...]]

    @property
    def several(self) -> bool:
        """See `Objects`."""
        return any(len({box.class_index for box in boxes}) > 1 for boxes in self.boxes.values())

    def size(self, picture: OwnPicture) -> Size | None:
        """See `Objects`."""
        return next((box.size for box in self.boxes.get(picture.image_id, ())), None)

    def regions(
        self, picture: OwnPicture, size: Size, *, legacy: bool
    ) -> tuple[dict[int, Region], tuple[str, ...]]:
        """See `Objects`."""
        rows = self.boxes.get(picture.image_id, ())
        place = f"{rows[0].place}, {picture.path}" if rows else picture.path
        found, notes = boxed(((row.class_index, row.box) for row in rows), size, legacy=legacy, place=place)
        return found, notes

    def content(self, picture: OwnPicture) -> Iterable[bytes | str]:
        """See `Objects`."""
        for row in self.boxes.get(picture.image_id, ()):
            yield " ".join(map(repr, (row.class_index, *row.box, *(row.size or ()))))


@dataclass(frozen=True)
class YoloObjects(Objects):
    """Text of YOLO's files, by id of the picture, with their paths; which class each number in them is."""

    texts: Mapping[str, tuple[str, Path]]
    numbers: Sequence[int]

    @property
    def several(self) -> bool:
        """See `Objects`."""
        lines = ([line.split()[0] for line in text.splitlines() if line.strip()] for text, _ in self._all())
        return any(len(set(first)) > 1 for first in lines)

    def _all(self) -> Iterable[tuple[str, Path]]:
        return self.texts.values()

    def regions(
        self, picture: OwnPicture, size: Size, *, legacy: bool
    ) -> tuple[dict[int, Region], tuple[str, ...]]:
        """See `Objects`."""
        if picture.image_id not in self.texts:
            return {}, ()
        text, path = self.texts[picture.image_id]
        written = read_yolo(text, size, len(self.numbers), path)
        objects = [one._replace(class_index=self.numbers[one.class_index]) for one in written]
        boxes = [(one.class_index, one.box) for one in objects if one.box]
        if len(boxes) == len(objects):
            return boxed(boxes, size, legacy=legacy, place=str(path))
        return {index: _outlined(objects, index, size) for index in {one.class_index for one in objects}}, ()

    def content(self, picture: OwnPicture) -> Iterable[bytes | str]:
        """See `Objects`."""
        if picture.image_id in self.texts:
            yield self.texts[picture.image_id][0]
            yield from _as_written(self.numbers)


@dataclass(frozen=True)
class MaskObjects(Objects):
    """Masks in PNG files; which class each number is, from 1, in those that lie in no class's folder."""

    masks: OwnMasks
    numbers: Sequence[int]
    pictures: tuple[OwnPicture, ...]

    @property
    def several(self) -> bool:
        """See `Objects`: a flat mask may show any number of classes, unless its picture says which."""
        return any(
            len(self.masks.classes_of(one.image_id)) > 1
            or (one.image_id in self.masks.flat and one.folder_class is None)
            for one in self.pictures
        )

    def regions(
        self, picture: OwnPicture, size: Size, *, legacy: bool
    ) -> tuple[dict[int, Region], tuple[str, ...]]:
        """See `Objects`."""
        return self.masks.regions(picture.image_id, size, self.numbers, picture.folder_class), ()

    def content(self, picture: OwnPicture) -> Iterable[bytes | str]:
        """See `Objects`."""
        for file in self.masks.files(picture.image_id):
            yield str(file.relative_to(self.masks.root))
            yield _bytes(file)
        yield from _as_written(self.numbers)


def boxed(
    boxes: Iterable[tuple[int, WrittenBox]], size: Size, *, legacy: bool, place: str
) -> tuple[dict[int, Region], tuple[str, ...]]:
    """Return the union of the boxes of each class, with notes."""
    by_class: dict[int, list[WrittenBox]] = {}
    for index, box in boxes:
        by_class.setdefault(index, []).append(box)
    regions: dict[int, Region] = {}
    notes: list[str] = []
    for index, written in sorted(by_class.items()):
        once = list(dict.fromkeys(written))
        notes += [REPEATED] * (len(written) - len(once))
        regions[index], remarks = region_of(once, size, legacy=legacy, place=place)
        notes += remarks
    return regions, tuple(notes)


def read_yolo_files(
    root: Path, folder: str, pictures: Iterable[OwnPicture], numbers: Sequence[int]
) -> YoloObjects:
    """Read YOLO's files, `<picture>.txt`, of some pictures; a picture without one has no object.

    Args:
        root: the folder of the data.
        folder: of the files, in it.
        pictures: whose files are read.
        numbers: the class that each number in the files stands for.

    Raises:
        RaybenchError: no picture has one, or a file cannot be read.
    """
    ids = [picture.image_id for picture in pictures]
    found = files_of_ids(root, folder, (".txt",), ids)
    paths = {image_id: root / found[image_id] for image_id in ids if image_id in found}
    texts = {image_id: (read_text(path), path) for image_id, path in paths.items()}
    if not texts:
        raise RaybenchError(
            f"{root / folder} holds no <picture>.txt of any picture; expected YOLO's files, as {ids[0]}.txt"
            f"{elsewhere(root)}"
        )
    for text, path in texts.values():
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and plain_number(line.split()[0]) >= len(
                numbers
            ):  # then it is another list of classes
                read_yolo_class(line.split()[0], len(numbers), f"{path}, line {number}")
    return YoloObjects(texts, numbers)


def read_pascal_files(root: Path, found: Mapping[str, str], classes: ClassList) -> list[OwnBox]:
    """Read XML in Pascal's form, by the id of its picture; one without an object says that there is none.

    Raises:
        RaybenchError: a file is damaged, or an object is of no class of the list.
    """
    return [
        OwnBox(image_id, index_named(item.name, classes, str(path)), item.box, str(path), annotation.size)
        for image_id, path in sorted((image_id, root / name) for image_id, name in found.items())
        if b"<object" in path.read_bytes()
        for annotation in [read_annotation(path)]
        for item in annotation.objects
    ]


def _outlined(objects: Iterable[YoloObject], index: int, size: Size) -> Region:
    """Return the union of polygons, and of the boxes among them, of one class."""
    own = [one for one in objects if one.class_index == index]
    mask = union(encode([one.polygon for one in own if one.polygon], size), size).copy()
    for one in own:
        if one.box:
            left, top, right, bottom = map(int, one.box)
            mask[top - 1 : bottom, left - 1 : right] = True
    return MaskRegion(mask)


def _as_written(numbers: Sequence[int]) -> Iterable[str]:
    """What of the numbers in files belongs to a fingerprint: nothing if they are the classes' own."""
    return () if isinstance(numbers, range) else (" ".join(map(str, numbers)),)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # told when the picture is read
        return b""
