"""Reads PASCAL VOC: pictures with boxes of twenty classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ....base import RaybenchError, Size
from ....checkpoints import ClassList
from ...suite import Protocol
from ..files import LINKED, PICTURE_SUFFIXES, files_by_id, fingerprint_of_files, leads_out
from ..interface import dataset
from ..layouts.boxes import region_of
from ..layouts.nearest import Layout
from ..layouts.voc_splits import find_year, read_split, refuse_unchosen_split
from ..layouts.voc_xml import AnnotatedObject, class_index_of, read_annotation
from ..pictures import ReadPicture, as_annotated, read_picture
from ..sample import InOrder, Query, Sample
from ..selection import Selection
from ..subsets import DIFFICULT, with_difficult


@dataclass(eq=False)
class Voc(InOrder):
    """A folder of pictures that may show several classes each, with boxes; see `open_voc`."""

    name: str
    root: Path
    classes: ClassList
    protocol: Protocol
    image_ids: tuple[str, ...] = field(repr=False)
    pictures: tuple[str, ...] = field(repr=False)
    annotations: tuple[str, ...] = field(repr=False)
    multilabel: bool = True
    has_images: bool = True
    read_file: ReadPicture = read_picture
    subsets: tuple[str, ...] = (DIFFICULT,)

    def __getitem__(self, index: int) -> Sample:
        """See `Dataset`."""
        path, file = self.root / self.annotations[index], Path(self.path_of(index))
        picture = self.read_file(file)
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
        if leads_out(file, self.root, file.parent):
            notes.append(LINKED)
        clear = [key for key, objects in objects_of.items() if not all(item.difficult for item in objects)]
        sorted_queries = with_difficult(queries, clear)
        return Sample(
            self.image_ids[index], size, picture, sorted_queries, tuple(sorted(objects_of)), tuple(notes)
        )

    def path_of(self, index: int) -> str:
        """Path of the picture."""
        return str(self.root / self.pictures[index])

    def fingerprint(self) -> str:
        """SHA-256 over image ids and the bytes of the annotations."""
        files = (self.root / path for path in self.annotations)
        return fingerprint_of_files(zip(self.image_ids, files, strict=True))


@dataset(
    "voc",
    label="VOC",
    classes="voc20",
    multilabel=True,
    signs=("Annotations",),
    layouts=(
        Layout("the folder of a year", ("JPEGImages/*", "Annotations/*.xml", "ImageSets/Main/*.txt")),
        Layout("a year in its folder", ("VOC*/JPEGImages/*", "VOC*/Annotations/*.xml")),
        Layout("the development kit's", ("VOCdevkit/VOC*/JPEGImages/*", "VOCdevkit/VOC*/Annotations/*.xml")),
    ),
)
def open_voc(
    root: Path,
    protocol: Protocol,
    classes: ClassList,
    selection: Selection,
    *,
    split: str = "",
    year: int = 0,
) -> Voc:
    """PASCAL VOC pictures with boxes: `VOC2007/JPEGImages/*.jpg` and `VOC2007/Annotations/*.xml`.

    Root is the folder of one year, or holds it up to three levels deep, as in `VOCdevkit/VOC2007` and
    `VOCdevkit_2007/VOC2007`. Of several the option `year` chooses, or a `split` that one of them alone lists.
    The option `split` takes the images that `ImageSets/Main/<split>.txt` names, such as `test`; `all`, and
    nothing where no list divides them, takes all pictures and annotations.

    One query per class that is present, whatever `Protocol.queries` says; its region is the union of all
    boxes of the class. Coordinates count from 1 and include both ends; fractions are rounded. Under
    `Protocol.skip_difficult` a class whose boxes are all marked difficult is not asked about. It remains a
    target: F1 counts every class that is present.

    Raises:
        RaybenchError: the folders or the split are not there, or none of several years or splits was chosen.
    """
    folder = find_year(root, split, year)
    picture_of = files_by_id(folder, ("JPEGImages",), PICTURE_SUFFIXES)
    if not picture_of:
        raise RaybenchError(f"no pictures in {folder / 'JPEGImages'}; expected *.jpg there")
    xml_of = files_by_id(folder, ("Annotations",), (".xml",))
    there, lists = picture_of.keys() | xml_of.keys(), folder / "ImageSets" / "Main"
    if not split:
        refuse_unchosen_split(lists, there)
    image_ids = selection.of(read_split(lists, split, there) if split else there, folder)
    return Voc(
        name="voc",
        root=folder,
        classes=classes,
        protocol=protocol,
        image_ids=image_ids,
        pictures=tuple(picture_of.get(one, f"JPEGImages/{one}.jpg") for one in image_ids),
        annotations=tuple(xml_of.get(one, f"Annotations/{one}.xml") for one in image_ids),
    )
