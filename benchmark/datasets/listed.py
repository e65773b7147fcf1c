"""Pictures and objects that are in memory: a list of (picture, where, class), without a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from ...base import RaybenchError, Size
from ...checkpoints import ClassList
from ..suite import Protocol
from .files import fingerprint_of
from .interface import DatasetReader
from .layouts.boxes import WrittenBox, region_of
from .pictures import as_annotated, picture_in_memory, read_picture
from .region import MaskRegion, Region
from .sample import AnnotationError, Dataset, InOrder, Query, Sample
from .selection import Selection

_EXPECTED = "(picture, where, class), or (picture, {class: where, ...})"
_WHERE = "boxes (x0, y0, x1, y1) in pixels from 0, the last one inside, a mask (H, W) of bool, or None"


@dataclass(frozen=True, eq=False)
class _Entry:
    picture: Any
    where: tuple[tuple[int, Any], ...]
    """By class index, ascending."""


@dataclass(eq=False)
class _ListedPictures(InOrder):
    """See `Dataset`."""

    name: str
    classes: ClassList
    protocol: Protocol
    entries: tuple[_Entry, ...]
    positions: tuple[int, ...]
    image_ids: tuple[str, ...]
    multilabel: bool
    has_images: bool = True

    def __getitem__(self, index: int) -> Sample:
        entry, place = self.entries[self.positions[index]], self.path_of(index)
        picture, notes = _decoded(entry.picture, place)
        size = Size(picture.height, picture.width)
        queries = []
        for class_index, where in entry.where:
            if where is not None:
                region, more = _region(where, size, self.protocol, f"{place}, class {class_index}")
                queries.append(Query(class_index, region))
                notes += more
        targets = tuple(index for index, _ in entry.where)
        return Sample(self.image_ids[index], size, picture, tuple(queries), targets, notes)

    def path_of(self, index: int) -> str:
        entry = self.entries[self.positions[index]]
        return (
            str(entry.picture) if isinstance(entry.picture, (str, Path)) else f"picture {index} of the list"
        )

    def fingerprint(self) -> str:
        def parts() -> Iterator[bytes | str]:
            for index, position in enumerate(self.positions):
                entry = self.entries[position]
                yield self.image_ids[index]
                yield from _content(entry.picture)
                for class_index, where in entry.where:
                    yield str(class_index)
                    yield from _content(where)

        return fingerprint_of((*self.classes.ids, *parts()))


def listed_reader(name: str, pictures: Iterable[Any], classes: ClassList) -> DatasetReader:
    """Return the reader of a list of pictures.

    Args:
        name: what results call it.
        pictures: each `(picture, where, class)`, or `(picture, {class: where, ...})` where it shows several.
            A picture is a PIL image, an array (H, W, 3) uint8, or a path; a class its index, id or label;
            `where` is one box `(x0, y0, x1, y1)` in pixels from 0 with the last one inside, several of them,
            a mask (H, W) bool, or None if it is not known where the object is.
        classes: what the classes' indices stand for.

    Raises:
        RaybenchError: an entry is not of its form; says which.
    """
    listed = list(pictures)

    def read(root: Path, protocol: Protocol, own: ClassList, selection: Selection) -> Dataset:
        del root, own
        return listed_dataset(name, listed, protocol, classes, selection)

    return DatasetReader(name, read, "", None, name, generate=lambda _say: Path(), label=name)


def listed_dataset(
    name: str,
    pictures: Iterable[Any],
    protocol: Protocol,
    classes: ClassList,
    selection: Selection | None = None,
) -> Dataset:
    """Return the dataset of a list of pictures: the shortest way to a reader of one's own.

    Ids are the names of the files without extension where all pictures are paths and these differ, else
    numbers from `000000`. The other arguments are those of `listed_reader`, and of a reader.

    Raises:
        RaybenchError: an entry is not of its form; says which.
    """
    entries = tuple(_entry(one, f"picture {at} of the list", classes) for at, one in enumerate(pictures))
    if not entries:
        raise RaybenchError(f"the list of pictures is empty; expected {_EXPECTED} for each")
    stems = [Path(one.picture).stem for one in entries if isinstance(one.picture, (str, Path))]
    named = len(set(stems)) == len(entries)
    places = {stems[at] if named else f"{at:06d}": at for at in range(len(entries))}
    chosen = (selection or Selection()).of(places, Path())
    several = any(len(entry.where) > 1 for entry in entries)
    positions = tuple(places[one] for one in chosen)
    return _ListedPictures(name, classes, protocol, entries, positions, tuple(chosen), several)


def _entry(given: Any, place: str, classes: ClassList) -> _Entry:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) not in (2, 3):
        raise RaybenchError(f"{place} is {type(given).__name__}; expected {_EXPECTED}")
    picture, *rest = given
    if len(rest) == 1 and not isinstance(rest[0], Mapping):
        raise RaybenchError(f"{place} has no class; expected {_EXPECTED}")
    found: dict[int, Any] = {}
    for name, where in rest[0].items() if len(rest) == 1 else [(rest[1], rest[0])]:
        try:
            index = classes.find(str(name))
        except RaybenchError as error:
            raise RaybenchError(f"{place}: {error}") from None
        if index in found:
            raise RaybenchError(f"{place} names class {classes.ids[index]!r} twice")
        found[index] = where
    if not isinstance(picture, (str, Path, PIL.Image.Image, np.ndarray)):
        picture_in_memory(picture, f"{place}: the picture")  # refuses it
    return _Entry(picture, tuple(sorted(found.items(), key=lambda one: one[0])))


def _decoded(picture: Any, place: str) -> tuple[PIL.Image.Image, tuple[str, ...]]:
    if isinstance(picture, (str, Path)):
        found, notes = as_annotated(read_picture(Path(picture)), None, place)
        return found, tuple(notes)
    return picture_in_memory(picture, place), ()


def _region(where: Any, size: Size, protocol: Protocol, place: str) -> tuple[Region, tuple[str, ...]]:
    if isinstance(where, np.ndarray) and where.ndim == 2 and where.dtype == np.bool_:
        return MaskRegion(where), ()
    given: NDArray[Any] = np.asarray(where)
    if given.ndim == 1:
        given = given[None]
    flat = given.ravel().tolist() if given.ndim == 2 and given.shape[1] == 4 and len(given) else []
    if not flat or not all(isinstance(one, Real) and np.isfinite(float(one)) for one in flat):
        raise AnnotationError(f"{place}: what says where the object is has another form; expected {_WHERE}")
    for box in given:  # in the numbers that were given
        if flaw := WrittenBox(*map(float, box)).flaw:
            raise AnnotationError(f"{place}: a box {flaw}")
    boxes = [WrittenBox(*(float(corner) + 1 for corner in box)) for box in given]
    return region_of(boxes, size, legacy=protocol.legacy_boxes, place=place)


def _content(thing: Any) -> Iterator[bytes | str]:
    """What defines a picture or a region, for the fingerprint; files are told by their ids."""
    if thing is not None and not isinstance(thing, (str, Path)):
        array = np.asarray(thing)
        yield f"{array.shape} {array.dtype}"
        yield np.ascontiguousarray(array).tobytes()
