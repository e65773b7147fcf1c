"""Reads PASCAL VOC: pictures with boxes of twenty classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ....base import RaybenchError, Size, nearest
from ....checkpoints import ClassList
from ...suite import Protocol
from ..fingerprint import fingerprint_of_files
from ..interface import dataset
from ..layouts.boxes import region_of
from ..layouts.voc_xml import AnnotatedObject, class_index_of, read_annotation
from ..pictures import PICTURE_SUFFIXES, ReadPicture, as_annotated, files_in, read_picture
from ..sample import Query, Sample
from ..selection import Selection

__all__ = ["Voc", "open_voc"]

_MARKS = {"1": "1", "+1": "1", "0": "0", "-1": "-1"}


@dataclass(eq=False)
class Voc:
    """A folder of pictures that may show several classes each, with boxes; see `open_voc`."""

    name: str
    root: Path
    classes: ClassList
    protocol: Protocol
    image_ids: tuple[str, ...] = field(repr=False)
    pictures: tuple[str, ...] = field(repr=False)
    multilabel: bool = True
    has_images: bool = True
    read_file: ReadPicture = read_picture

    def __len__(self) -> int:
        return len(self.image_ids)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """See `Dataset`."""
        path = self._annotation(self.image_ids[index])
        picture = self.read_file(Path(self.path_of(index)))
        annotation = read_annotation(path)
        picture, turned = as_annotated(picture, annotation.size, str(path))
        size = annotation.size or Size(picture.height, picture.width)
        objects_of: dict[int, list[AnnotatedObject]] = {}
        for item in annotation.objects:
            objects_of.setdefault(class_index_of(item, self.classes, path), []).append(item)
        queries: list[Query] = []
        notes: list[str] = []
        for class_index, objects in sorted(objects_of.items()):
            if self.protocol.skip_difficult and all(item.difficult for item in objects):
                continue
            written, place = (item.box for item in objects), f"{path}, {objects[0].name}"
            region, remarks = region_of(written, size, legacy=self.protocol.legacy_boxes, place=place)
            queries.append(Query(class_index, region))
            notes.extend(remarks)
        notes += turned
        return Sample(
            self.image_ids[index], size, picture, tuple(queries), tuple(sorted(objects_of)), tuple(notes)
        )

    def path_of(self, index: int) -> str:
        """Path of the picture."""
        return str(self.root / "JPEGImages" / self.pictures[index])

    def fingerprint(self) -> str:
        """SHA-256 over image ids and the bytes of the annotations."""
        return fingerprint_of_files((image_id, self._annotation(image_id)) for image_id in self.image_ids)

    def _annotation(self, image_id: str) -> Path:
        return self.root / "Annotations" / f"{image_id}.xml"


@dataset("voc", label="VOC", classes="voc20", multilabel=True)
def open_voc(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = ""
) -> Voc:
    """PASCAL VOC pictures with boxes: `VOC2007/JPEGImages/*.jpg` and `VOC2007/Annotations/*.xml`.

    Root is the folder of one year, or holds it (directly or in `VOCdevkit/`). The option `split` takes the
    images that `ImageSets/Main/<split>.txt` names, such as `test`; without it all of `JPEGImages` is used.

    One query per class that is present, whatever `Protocol.queries` says; its region is the union of all
    boxes of the class. Coordinates count from 1 and include both ends; fractions are rounded. Under
    `Protocol.skip_difficult` a class whose boxes are all marked difficult is not asked about. It remains a
    target: F1 counts every class that is present.

    Raises:
        RaybenchError: the folders or the split are not there, or several years are and none was chosen.
    """
    folder = _year_folder(root)
    picture_of = {name.rpartition(".")[0]: name for name in files_in(folder / "JPEGImages", PICTURE_SUFFIXES)}
    available = _read_split(folder, split) if split else list(picture_of)
    if not available:
        raise RaybenchError(f"no pictures in {folder / 'JPEGImages'}; expected *.jpg there")
    image_ids = selection.of(available, folder)
    pictures = tuple(picture_of.get(image_id, f"{image_id}.jpg") for image_id in image_ids)
    return Voc("voc", folder, classes, protocol, image_ids, pictures)


def _year_folder(root: Path) -> Path:
    """Find the folder that holds JPEGImages and Annotations."""
    candidates = [root, *sorted(root.glob("VOC20*")), *sorted(root.glob("VOCdevkit/VOC20*"))]
    found = [
        folder
        for folder in candidates
        if all((folder / name).is_dir() for name in ("JPEGImages", "Annotations"))
    ]
    if not found:
        raise RaybenchError(
            f"no VOC pictures in {root}: looked for JPEGImages/ and Annotations/ there, "
            "in VOC2007/ and the like, and in VOCdevkit/VOC2007/ and the like"
        )
    if len(found) > 1 and found[0] != root:
        names = " and ".join(str(folder.relative_to(root)) for folder in found)
        raise RaybenchError(f"{root} holds {names}; give the folder of one year, such as {found[0]}")
    return found[0]


def _read_split(folder: Path, split: str) -> list[str]:
    """Read the image ids of a split: the first word of each line.

    A list of one class, such as `dog_test`, marks each picture by 1 (shown), -1 (not shown) or 0 (difficult):
    those marked 1 are the split.
    """
    path = folder / "ImageSets" / "Main" / f"{split}.txt"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        known = [entry.stem for entry in sorted(path.parent.glob("*.txt"))]
        hint = nearest(split, known) or ", ".join(known[:8])
        raise RaybenchError(
            f"cannot read the split {path}; {f'there is {hint}' if hint else 'there is no split'}"
        ) from None
    ids: dict[str, str] = {}
    for number, words in enumerate((line.split() for line in lines), 1):
        if not words:
            continue
        image_id, *mark = words
        if len(mark) > 1 or (mark and mark[0] not in _MARKS):
            raise RaybenchError(
                f"{path}, line {number}: expected an image id, and for a list of one class 1, 0 or -1; "
                f"not {' '.join(words)[:80]!r}"
            )
        if image_id in ids:
            raise RaybenchError(f"{path}, line {number}: the picture {image_id!r} is named twice; remove one")
        ids[image_id] = _MARKS[mark[0]] if mark else "1"
    chosen = [image_id for image_id, mark in ids.items() if mark == "1"]
    if not chosen:
        raise RaybenchError(f"the split {path} names no picture; expected one image id per line")
    return chosen
