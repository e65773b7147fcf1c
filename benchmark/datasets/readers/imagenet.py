"""Reads ImageNet: pictures with boxes in ILSVRC's XML, in any of the usual layouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ....base import RaybenchError, Size
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import LINKED, fingerprint_of, fingerprint_of_files, leads_out
from ..interface import dataset
from ..layouts.boxes import region_of
from ..layouts.imagenet.files import ImageFiles, find_image_files, refuse_unlabelled
from ..layouts.imagenet.tables import find_table, read_table
from ..layouts.nearest import Layout
from ..layouts.voc_xml import Annotation, class_index_of, read_annotation
from ..pictures import ReadPicture, as_annotated, read_picture
from ..sample import AnnotationError, InOrder, Query, Sample
from ..selection import Selection

NOT_ANNOTATED = "no annotation beside others that have one; counts for accuracy only"
XML = "xml"
FOLDER_DIFFERS = "the first object is of another class than the folder; the object's class is used"


@dataclass(eq=False)
class ImageNet(InOrder):
    """A folder of pictures, each labelled with one class, with boxes around objects; see `open_imagenet`.

    Attributes:
        tabled: the objects of each picture, by its id, where they lie in one table; else None.
        table: path of the table, for messages.
    """

    name: str
    root: Path
    classes: ClassList
    protocol: Protocol
    image_ids: tuple[str, ...] = field(repr=False)
    files: tuple[ImageFiles, ...] = field(repr=False)
    multilabel: bool = False
    has_images: bool = True
    read_file: ReadPicture = read_picture
    tabled: Mapping[str, Annotation] | None = field(repr=False, default=None)
    table: str = ""

    def __post_init__(self) -> None:
        self._annotated = bool(self.tabled) or any(entry.annotation for entry in self.files)

    def __getitem__(self, index: int) -> Sample:
        """See `Dataset`."""
        image_id, entry = self.image_ids[index], self.files[index]
        file = self.root / entry.picture
        picture = self.read_file(file)
        picture_size = Size(picture.height, picture.width)
        linked = [LINKED] * leads_out(file, self.root, file.parent)
        in_folder = None if entry.folder_class is None else self.classes.index_of[entry.folder_class]
        path = self.root / (entry.annotation or self.table)
        annotation = self._annotation(index)
        if annotation is None:
            if in_folder is None:
                lacks = f"{self.table} has no line of it" if self.table else f"no {image_id}.xml was found"
                raise AnnotationError(f"{file} has no annotation; {lacks}")
            _, notes = as_annotated(picture, None, str(file))
            notes += linked + [NOT_ANNOTATED] * self._annotated
            return Sample(image_id, picture_size, picture, (), (in_folder,), tuple(notes))
        size = annotation.size or picture_size
        picture, turned = as_annotated(picture, annotation.size, str(path))
        target = class_index_of(annotation.objects[0], self.classes, path)
        queries, notes = self._queries(annotation, size, path)
        notes += turned + linked
        if in_folder not in (None, target):
            notes.append(FOLDER_DIFFERS)
        return Sample(image_id, size, picture, queries, (target,), tuple(notes))

    def _annotation(self, index: int) -> Annotation | None:
        """Return what is known of the objects of a picture, or None."""
        if self.tabled is not None:
            return self.tabled.get(self.image_ids[index])
        file = self.files[index].annotation
        return read_annotation(self.root / file) if file else None

    def _queries(self, annotation: Annotation, size: Size, path: Path) -> tuple[tuple[Query, ...], list[str]]:
        """Ask about the first object's class, or about each; with notes on boxes that were changed."""
        asked = annotation.objects[:1] if self.protocol.queries == "first_object" else annotation.objects
        name_of = {class_index_of(item, self.classes, path): item.name for item in asked}
        queries: list[Query] = []
        notes: list[str] = []
        for class_index, name in sorted(name_of.items()):
            written = (item.box for item in annotation.objects if item.name == name)
            legacy = self.protocol.legacy_boxes
            region, remarks = region_of(written, size, legacy=legacy, place=f"{path}, {name}")
            queries.append(Query(class_index, region))
            notes.extend(remarks)
        return tuple(queries), notes

    def path_of(self, index: int) -> str:
        """Path of the picture."""
        return str(self.root / self.files[index].picture)

    def fingerprint(self) -> str:
        """SHA-256 over image ids, class folders and the bytes of the annotations, or what a table holds."""
        if self.tabled is not None:
            return fingerprint_of(
                f"{image_id} {entry.folder_class or ''} {self.tabled.get(image_id)}"
                for image_id, entry in zip(self.image_ids, self.files, strict=True)
            )
        return fingerprint_of_files(
            (
                f"{image_id} {entry.folder_class or ''}",
                self.root / entry.annotation if entry.annotation else None,
            )
            for image_id, entry in zip(self.image_ids, self.files, strict=True)
        )


@dataset(
    "imagenet",
    label="ImageNet",
    classes="imagenet1k",
    multilabel=False,
    signs=("{split}/*.[Jj]*", "{split}/*/*.[Jj]*", "Data/CLS-LOC/{split}", "ILSVRC/Data/CLS-LOC/{split}"),
    layouts=(
        Layout("the official archives'", ("ILSVRC2012_img_{split}/*", "ILSVRC2012_bbox_{split}_v3/*")),
        Layout("Kaggle's", ("ILSVRC/Data/CLS-LOC/{split}/*", "LOC_{split}_solution.csv")),
        Layout("Kaggle's", ("ILSVRC/Data/CLS-LOC/{split}/*", "ILSVRC/Annotations/CLS-LOC/{split}/*.xml")),
        Layout("flat, with XML", ("{split}/*.[Jj]*", "annotation/*.xml")),
        Layout("flat, with XML", ("*.[Jj]*", "annotation/*.xml")),
        Layout("in folders of classes", ("{split}/*/*.[Jj]*",)),
        Layout("torchvision's", ("{split}/n*/*", "meta.bin")),
        Layout("wsolevaluation's", ("dataset/ILSVRC/{split}/*", "metadata/ILSVRC/test/localization.txt")),
    ),
)
def open_imagenet(
    root: Path,
    protocol: Protocol,
    classes: ClassList,
    selection: Selection,
    *,
    split: str = "val",
    boxes: str = "",
) -> ImageNet:
    """ImageNet pictures with boxes: `val/*.JPEG` with XML, `val/<synset>/*.JPEG`, or ILSVRC's own folders.

    The pictures lie in `<split>/`, in ILSVRC's `Data/CLS-LOC/<split>/`, in `ILSVRC2012_img_<split>/` or in
    root itself, flat or in one folder per class. The XML files, named like the pictures, lie beside them, in
    `annotation/` or `annotations/`, in ILSVRC's `Annotations/CLS-LOC/<split>/` or in
    `ILSVRC2012_bbox_<split>_v3/`. Where there is no XML, boxes come from Kaggle's `LOC_<split>_solution.csv`
    or the three text files of wsolevaluation, found in root (or in the folder of ILSVRC around it), or named
    by the option `boxes`; `boxes: xml` takes XML alone. An image is labelled with the class of the
    first object in its XML. The region of a class is the union of its boxes; coordinates count from 1 and
    include both ends. Regions are given at the size in the XML, or at the picture's where the XML has none.

    Under `Protocol.legacy_boxes` the boxes are read as by the published code, and a region may be empty.
    A picture in a class folder that has no XML comes without queries, for accuracy alone; in a flat layout
    it cannot be used, and raises `AnnotationError` when it is read. XML without its picture is listed, and
    raises `UnreadableImageError` when it is read.

    Raises:
        RaybenchError: no pictures are found, two share an id, or a class folder is not in the class list.
    """
    files = find_image_files(root, split, classes)
    table = root / boxes if boxes not in ("", XML) else None
    if not boxes and not any(entry.annotation for entry in files.values()):
        table = find_table(root, split)
    tabled = read_table(table, classes) if table else None
    if tabled is None:
        refuse_unlabelled(files, root, split)
    elif not any(image_id in tabled for image_id in files):
        raise RaybenchError(f"{table} names none of the pictures in {root}; give the one of split {split!r}")
    image_ids = selection.of(files, root)
    chosen = tuple(files[key] for key in image_ids)
    return ImageNet(
        "imagenet", root, classes, protocol, image_ids, chosen, tabled=tabled, table=str(table or "")
    )
