"""What a dataset yields: an image and the queries that ask about it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import PIL.Image

from ...base import RaybenchError, Size
from ...checkpoints import ClassList
from .region import MaskRegion, Region


class UnreadableImageError(RaybenchError):
    """An image file that is missing or does not decode."""


class AnnotationError(RaybenchError):
    """An annotation that cannot be used: no object, an unknown class, a box outside the picture."""


class LayoutError(RaybenchError):
    """A folder that does not hold what a reader looks for; another one may."""


@dataclass(frozen=True)
class Query:
    """One question: where in the image does the network see this class?

    Attributes:
        class_index: of the class.
        region: where its objects are.
        subsets: those that the query belongs to, of the dataset's.
    """

    class_index: int
    region: Region
    subsets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One image with its queries; made of any reader's, so that regions are checked here for all of them.

    Attributes:
        image_id: file name without extension.
        size: (height, width) in pixels in which the regions are given; maps are scored at this size.
        image: the decoded picture in RGB, or None where a dataset has annotations only.
        queries: one per class that is asked about, in ascending order of the class index; may be empty.
        targets: class indices that are present, ascending: one for single-label data. Accuracy and F1 use
            them.
        notes: remarks worth counting in the manifest, such as a box that was clamped to the picture.
    """

    image_id: str
    size: Size
    image: PIL.Image.Image | None
    queries: tuple[Query, ...]
    targets: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would be measured in another place than it is said to be.

        Raises:
            AnnotationError: a region is not one of the picture, or a class is asked about twice; names the
                class.
        """
        named, size = f"image {self.image_id!r}", tuple(self.size)
        if min(size) < 1:
            raise AnnotationError(f"{named}: its size is {size[1]} x {size[0]}; expected at least 1 x 1")
        if self.image is not None and self.image.size == size != size[::-1]:
            raise AnnotationError(
                f"{named}: its size is given as {size[1]} x {size[0]}, and the picture is {size[0]} x "
                f"{size[1]}: height and width are swapped"
            )
        for query in self.queries:
            if wrong := query.region.misfit(self.size):
                raise AnnotationError(f"{named}, class {query.class_index}: {wrong}")
        asked = [query.class_index for query in self.queries]
        for what, indices in (("queries", asked), ("targets", list(self.targets))):
            if indices != sorted(set(indices)):
                raise AnnotationError(
                    f"{named}: the classes of its {what} are {indices}; expected each once, in "
                    "ascending order"
                )


class Dataset(Protocol):
    """An ordered collection of samples. Implementations are cheap to pickle: loader workers hold a copy."""

    name: str
    classes: ClassList
    multilabel: bool
    """True when an image may hold several classes (F1), False when it has exactly one (accuracy)."""
    has_images: bool

    @property
    def image_ids(self) -> tuple[str, ...]:
        """All image ids, in ascending order: the order of the samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; raise `UnreadableImageError` or `AnnotationError`, which name the file."""

    def path_of(self, index: int) -> str:
        """Path of the image file, for messages; or of the annotation where there is no image."""

    def fingerprint(self) -> str:
        """SHA-256 over what defines the data: the image ids and the annotations, not where they lie."""

    def __iter__(self) -> Iterator[Sample]: ...


class InOrder:
    """Length and order of a dataset, which are those of its ids."""

    def __len__(self: Dataset) -> int:
        """How many samples there are."""
        return len(self.image_ids)

    def __iter__(self: Dataset) -> Iterator[Sample]:
        """Read one sample after the other."""
        return (self[index] for index in range(len(self)))


@runtime_checkable
class ReadsPictures(Protocol):
    """A dataset that leaves reading a file to a function of its own; see `pictures.open_picture`."""

    read_file: Callable[[Path], PIL.Image.Image]


def asks_anything(dataset: Dataset, indices: Iterable[int]) -> bool:
    """Say whether any of some images has a region; True also if none can be read, which is told elsewhere.

    No picture is decoded where that can be told without. Boxes count even where a protocol's rule leaves
    nothing of them.
    """
    unread, read = without_pictures(dataset), False
    for index in indices:
        try:
            if any(map(_shows, _queries(unread, dataset, index))):
                return True
            read = True
        except RaybenchError:
            continue  # it is skipped and counted when the image is measured
    return not read


def _queries(unread: Dataset, dataset: Dataset, index: int) -> tuple[Query, ...]:
    """Read what is asked about a picture, which is decoded only where it has to be."""
    try:
        found = unread[index].queries
        if not found or any(map(_shows, found)):
            return found
    except RaybenchError:  # such as boxes without the size of their picture
        pass
    return dataset[index].queries  # masks may be cut to the size of the picture


def _shows(query: Query) -> bool:
    return not isinstance(query.region, MaskRegion) or bool(query.region.pixels.any())


def class_of(dataset: Dataset, index: int) -> int:
    """Return the first class of a picture, which is decoded only where nothing else tells; -1 if unknown."""
    for looked in (without_pictures(dataset), dataset):
        try:
            return looked[index].targets[0]
        except (RaybenchError, IndexError):
            continue
    return -1


def _blank(_path: Path) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (1, 1))


AnyDataset = TypeVar("AnyDataset", bound=Dataset)


def reading_by(read: Callable[[Path], PIL.Image.Image], dataset: AnyDataset) -> AnyDataset:
    """Return the dataset with its picture files read by `read`, if it leaves a choice."""
    if isinstance(dataset, ReadsPictures):
        dataset = copy.copy(dataset)
        dataset.read_file = read
    return dataset


def without_pictures(dataset: AnyDataset) -> AnyDataset:
    """Return the dataset with an empty picture in the place of each, which nothing decodes."""
    return reading_by(_blank, dataset)
