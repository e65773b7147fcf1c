"""Reads a folder of one's own: pictures with boxes in a table or in other tools' files, or with masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from ....base import RaybenchError, Size
from ....checkpoints import ClassList, load_classes
from ...suite import Protocol
from ..files import (
    LINKED,
    PICTURE_SUFFIXES,
    files_in,
    files_of_ids,
    fingerprint_of,
    first_repeated,
    leads_out,
    subfolders,
)
from ..interface import dataset
from ..layouts.own.box_table import OwnBox, index_named, read_box_table
from ..layouts.own.hints import elsewhere
from ..layouts.own.masks import find_masks
from ..layouts.own.objects import (
    MaskObjects,
    Objects,
    OwnPicture,
    TableObjects,
    read_pascal_files,
    read_yolo_files,
)
from ..pictures import ReadPicture, as_annotated, read_picture
from ..region import unaffordable
from ..sample import AnnotationError, InOrder, LayoutError, Query, Sample
from ..selection import Selection
from .coco import Coco, open_instances

_USUAL = ("boxes.csv", "annotations.json", "labels", "masks")
_PASCAL = ("annotations", "Annotations")
_TABLES = (".csv", ".tsv", ".txt")
_EXPECTED = (
    "expected boxes: a table image,class,x0,y0,x1,y1 (.csv), COCO's .json or a folder of YOLO's .txt or "
    "Pascal's .xml; or masks: a folder of .png"
)


@dataclass(eq=False)
class OwnFolder(InOrder):
    """Pictures with the objects in them; see `open_boxes`."""

    name: str
    root: Path
    classes: ClassList
    protocol: Protocol
    pictures: tuple[OwnPicture, ...] = field(repr=False)
    objects: Objects = field(repr=False)
    multilabel: bool
    has_images: bool = True
    read_file: ReadPicture = read_picture

    @cached_property
    def image_ids(self) -> tuple[str, ...]:
        """See `Dataset`."""
        return tuple(picture.image_id for picture in self.pictures)

    def __getitem__(self, index: int) -> Sample:
        """See `Dataset`."""
        one, file = self.pictures[index], Path(self.path_of(index))
        annotated = self.objects.size(one)
        picture, turned = as_annotated(self.read_file(file), annotated, str(file))
        size = annotated or Size(picture.height, picture.width)
        legacy = self.protocol.legacy_boxes
        regions, notes = self.objects.regions(one, size, legacy=legacy)
        too_large = unaffordable(size, len(regions))
        if too_large:
            raise AnnotationError(f"{file}: {too_large}")
        notes = (*notes, *turned, *[LINKED] * leads_out(file, self.root, file.parent))
        queries = tuple(Query(index, region) for index, region in sorted(regions.items()))
        targets = tuple(sorted(regions))
        if not targets and not self.multilabel:
            if one.folder_class is None:
                raise AnnotationError(f"{file} has no object, so that nothing says what it shows")
            targets = (one.folder_class,)
        return Sample(one.image_id, size, picture, queries, targets, notes)

    def path_of(self, index: int) -> str:
        """Path of the picture."""
        return str(self.root / self.pictures[index].path)

    def fingerprint(self) -> str:
        """SHA-256 over image ids, class folders, names of the classes and what is written of the objects."""
        parts = ((one.image_id, str(one.folder_class), *self.objects.content(one)) for one in self.pictures)
        return fingerprint_of((*self.classes.ids, *(part for several in parts for part in several)))


@dataset("boxes", label="Boxes", classes="classes.txt", multilabel=None, beside=True)
def open_boxes(
    root: Path,
    protocol: Protocol,
    classes: ClassList,
    selection: Selection,
    *,
    images: str = "images",
    boxes: str = "",
    masks: str = "",
    names: str = "",
) -> OwnFolder | Coco:
    """A folder of one's own: `images/` with boxes in CSV, YOLO's, COCO's or Pascal's files, or masks in PNG.

    Root is the folder of the suite's file, unless `--data boxes=FOLDER` gives another. Pictures lie in
    `images`, or in folders in it; where names repeat in those, ids are paths. `boxes` is a table
    `image,class,x0,y0,x1,y1` or `image,class,x0,y0,width,height` (pixels from 0, the last one inside; see
    `read_box_table`), a JSON file in COCO's form (an annotation without `segmentation` is its `bbox`), or a
    folder with YOLO's `<picture>.txt` or Pascal's `<picture>.xml` (pixels from 1). `masks` is a folder of
    `<class>/<picture>.png`, whose pixels other than 0 are the object, or of `<picture>.png`, whose pixels are
    numbers of classes, from 1, 0 for none and 255 for no class. Without either, the one of boxes.csv,
    annotations.json, labels/ and masks/ is taken, or annotations/ with Pascal's files.

    Numbers of classes in YOLO's texts, in masks and in a table count `classes`; where that is another list,
    such as the 1,000 classes of ImageNet, `names` is a file with a line for each number, in order.

    The region of a class is the union of its objects; each is asked about, whatever `Protocol.queries` says.
    A picture may hold several classes where any does. Objects are placed in the picture as it is stored,
    or turned where the size that Pascal's files give says so.

    Raises:
        RaybenchError: pictures or objects are not there, or are not of their form.
    """
    for option, value in (("images", images), ("boxes", boxes), ("masks", masks), ("names", names)):
        if Path(value).is_absolute() or ".." in Path(value).parts:
            raise RaybenchError(
                f"option {option!r} of dataset 'boxes' is {value!r}; expected a path below the folder of the "
                "data, which --data boxes=FOLDER names"
            )
    if not boxes and not masks:
        boxes, masks = _usual(root)
    if boxes and masks:
        raise RaybenchError(f"dataset 'boxes' is given both boxes ({boxes}) and masks ({masks}); choose one")
    if boxes.endswith(".json"):
        folder = root / images
        return open_instances("boxes", folder, root / boxes, classes, selection, boxes_too=True)
    pictures = pictures_in(root / images, classes)
    numbers: Sequence[int] = range(len(classes))
    if names:
        numbers = [index_named(name, classes, names) for name in load_classes(str(root / names)).ids]
    objects: Objects
    if masks:
        objects = MaskObjects(
            find_masks(root, masks, classes, [one.image_id for one in pictures]), numbers, pictures
        )
    elif xml := _pascal_files(root, boxes, {one.image_id for one in pictures}):
        objects, pictures = _tabled(read_pascal_files(root, xml, classes), pictures, root, images)
    elif (root / boxes).is_dir():
        objects = read_yolo_files(root, boxes, pictures, numbers)
    elif not boxes.lower().endswith(_TABLES):
        raise LayoutError(f"{root / boxes} is no table and no folder; {_EXPECTED}{elsewhere(root)}")
    else:
        rows = read_box_table(root / boxes, classes, numbers)
        objects, pictures = _tabled(rows, pictures, root, images)
    return own_folder("boxes", root / images, classes, protocol, pictures, objects, selection)


def own_folder(
    name: str,
    root: Path,
    classes: ClassList,
    protocol: Protocol,
    pictures: Iterable[OwnPicture],
    objects: Objects,
    selection: Selection,
) -> OwnFolder:
    """Return those of the pictures below a folder that were chosen."""
    by_id: dict[str, OwnPicture] = {}
    for one in pictures:
        if by_id.setdefault(one.image_id, one) != one:
            other = by_id[one.image_id].path
            raise RaybenchError(f"{root}: {other} and {one.path} share the id {one.image_id!r}; rename one")
    chosen = tuple(by_id[image_id] for image_id in selection.of(by_id, root))
    return OwnFolder(name, root, classes, protocol, chosen, objects, objects.several)


def _usual(root: Path) -> tuple[str, str]:
    """Return what there is of the usual files: boxes and masks, one of them empty."""
    there = [name for name in _USUAL if (root / name).exists()]
    there = there or [name for name in _PASCAL if files_in(root / name, (".xml",))][:1]
    if len(there) != 1:
        what = f"{root} holds {' and '.join(there)}" if there else f"{root} holds none of {', '.join(_USUAL)}"
        raise LayoutError(f"{what}; {_EXPECTED}{elsewhere(root)}")
    return ("", there[0]) if there[0] == "masks" else (there[0], "")


def _pascal_files(root: Path, boxes: str, ids: set[str]) -> dict[str, str]:
    """Return XML files by the id of their picture; none where there are texts of pictures."""
    xml, texts = (files_of_ids(root, boxes, (end,), ids) for end in (".xml", ".txt"))
    if ids & xml.keys() and ids & texts.keys():
        raise RaybenchError(f"{root / boxes} holds both .xml and .txt of pictures; move one kind elsewhere")
    return {} if ids & texts.keys() else xml


def pictures_in(folder: Path, classes: ClassList) -> tuple[OwnPicture, ...]:
    """Find the pictures in a folder and in the folders in it."""
    paths = [
        f"{inner}/{name}" if inner else name
        for inner in ("", *subfolders(folder))
        for name in files_in(folder / inner, PICTURE_SUFFIXES)
    ]
    if not paths:
        lacks = "holds no picture" if folder.is_dir() else "does not exist"
        raise LayoutError(f"the folder of pictures {folder} {lacks}; name another by the option images")
    stems = [PurePosixPath(path).stem for path in paths]
    whole = first_repeated(stems) is not None
    ids = [path.rpartition(".")[0] for path in paths] if whole else stems
    twice = first_repeated(ids)
    if twice is not None:
        raise RaybenchError(f"two pictures in {folder} share the id {twice!r}; remove or rename one")
    index_of = classes.index_of
    return tuple(
        OwnPicture(image_id, path, index_of.get(PurePosixPath(path).parent.name))
        for image_id, path in sorted(zip(ids, paths, strict=True))
    )


def _tabled(
    boxes: list[OwnBox], pictures: tuple[OwnPicture, ...], root: Path, images: str
) -> tuple[TableObjects, tuple[OwnPicture, ...]]:
    """Join boxes to pictures; those whose picture is missing are listed all the same."""
    counted = Counter(name for one in pictures for name in {one.stem, _name(one.path)})
    plain = {name: one.image_id for one in pictures for name in (one.stem, _name(one.path))}
    id_of = {name: image_id for name, image_id in plain.items() if counted[name] == 1}
    id_of |= {name: one.image_id for one in pictures for name in (one.image_id, _plain(one.path))}
    by_picture: dict[str, list[OwnBox]] = {}
    missing: dict[str, OwnPicture] = {}
    for box in boxes:
        written = _plain(box.picture.replace("\\", "/")).removeprefix(f"{root.as_posix()}/")
        written = written.removeprefix("./").removeprefix(f"{images}/")
        image_id = id_of.get(written, written)
        if written not in id_of:
            if counted[written] > 1:
                raise RaybenchError(
                    f"{box.place}: several folders in {images}/ hold a picture {box.picture!r}; "
                    "write the folder too"
                )
            missing.setdefault(written, OwnPicture(written, written, None))
        by_picture.setdefault(image_id, []).append(box)
    if len(missing) == len(by_picture):
        raise LayoutError(
            f"{boxes[0].place}: no picture {boxes[0].picture!r} in {images}/, nor one of any other box; "
            f"there is {pictures[0].path!r}"
        )
    found = TableObjects({image_id: tuple(own) for image_id, own in by_picture.items()})
    return found, (*pictures, *missing.values())


def _name(path: str) -> str:
    return _plain(path.rpartition("/")[2])


def _plain(path: str) -> str:
    """Write the extension small."""
    stem, dot, suffix = path.rpartition(".")
    return f"{stem}{dot}{suffix.lower()}" if f".{suffix.lower()}" in PICTURE_SUFFIXES else path
