"""What is known of datasets that others publish, and how a folder compares with it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field

from ...base import Document, RaybenchError, UnknownNameError, few, parse_document
from ...checkpoints import ClassList
from ..suite import Protocol
from .interface import DATASETS, DatasetReader
from .region import BoxRegion
from .sample import Dataset, without_pictures

_LISTED = 3


class KnownData(Document):
    """One dataset.

    Attributes:
        title: for people.
        reader, options: how a suite names it.
        images: how many pictures it has.
        annotated: how many of them have an annotation, if not all.
        classes: how many classes its pictures show.
        per_class: how many pictures each class has, if all have as many.
        boxes: how many boxes there are, if that is known.
        fingerprint: of ids and annotations, if that is known.
        where: where to get it.
        size: how large it is.
        terms: on which terms.
        archives: MD5 of the files that it comes in, by name.
    """

    title: str
    reader: str
    options: dict[str, Any] = Field(default_factory=dict)
    images: int
    annotated: int = 0
    classes: int
    per_class: int = 0
    boxes: int = 0
    fingerprint: str = ""
    where: str
    size: str
    terms: str
    archives: dict[str, str] = Field(default_factory=dict)

    @property
    def entry(self) -> DatasetReader:
        """The reader."""
        return DATASETS.get(self.reader)

    def open(self, root: Path, protocol: Protocol) -> Dataset:
        """Open what is in a folder; raises as the reader does."""
        own = self.entry.options
        options = {key: value for key, value in self.options.items() if key in own}
        return self.entry.open(root, protocol, options=options)


class _Known(Document):
    datasets: dict[str, KnownData]


@functools.cache
def known_data() -> Mapping[str, KnownData]:
    """All of them, by name."""
    file = files(__package__) / "known.yaml"
    text = file.read_text(encoding="utf-8")
    indented = "\n".join(f"  {line}" for line in text.splitlines())
    return parse_document(f"datasets:\n{indented}\n", _Known, str(file)).datasets


def names_of_known(text: str) -> list[str]:
    """Return the names of known datasets that begin with a text, or the one that is it.

    Raises:
        UnknownNameError: none is called so.
    """
    known = known_data()
    if text in known:
        return [text]
    alike = [name for name in known if name.startswith(text)]
    if not alike:
        raise UnknownNameError("known dataset", text, known)
    return alike


def check_data(
    known: KnownData, root: Path, protocol: Protocol, *, full: bool = False
) -> Iterator[tuple[bool, str]]:
    """Compare a folder with what is known of a dataset, in sentences.

    Args:
        known: what it should be.
        root: the folder.
        protocol: by whose rules annotations are read.
        full: also decode every picture and compare its size with the annotation's.

    Yields:
        Whether what a sentence says is as it should be, and the sentence.

    Raises:
        RaybenchError: the folder is of no known layout.
    """
    dataset = known.open(root, protocol)
    yield _count(len(dataset), known.images, "pictures")
    shown: Counter[int] = Counter()
    troubles: dict[str, list[str]] = {"cannot be read": [], "have no annotation": [], "have a note": []}
    queries = boxes = 0
    looked = dataset if full else without_pictures(dataset)
    for index in range(len(dataset)):
        try:
            sample = looked[index]
        except RaybenchError as error:
            troubles["cannot be read"].append(str(error))
            continue
        shown.update(sample.targets)
        queries += len(sample.queries)
        regions = (query.region for query in sample.queries)
        boxes += sum(len(region.boxes) for region in regions if isinstance(region, BoxRegion))
        if not sample.targets:
            troubles["have no annotation"].append(sample.image_id)
        if full and sample.notes:
            troubles["have a note"].append(f"{sample.image_id}: {sample.notes[0]}")
    yield _count(len(shown), known.classes, "classes")
    if known.per_class:
        odd = {index: count for index, count in shown.items() if count != known.per_class}
        words = _classes(odd, dataset.classes)
        yield (not odd, f"each class has {known.per_class} pictures" if not odd else f"other counts: {words}")
    if known.boxes:
        yield _count(boxes, known.boxes, "boxes in all")
    expected = known.images - known.annotated if known.annotated else 0
    bare = len(troubles.pop("have no annotation"))
    yield (
        bare == expected,
        f"{bare:,} pictures have no annotation" + ("" if bare == expected else f"; known are {expected:,}"),
    )
    for words, found in troubles.items():
        if found:
            more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
            yield (
                words == "have a note",
                f"{len(found):,} pictures {words}: {'; '.join(found[:_LISTED])}{more}",
            )
    found_print = dataset.fingerprint()
    as_known = {"": "", found_print: ", as known"}.get(known.fingerprint, f"; known is {known.fingerprint}")
    fine = known.fingerprint in ("", found_print)
    yield fine, f"{queries:,} queries; fingerprint {found_print}{as_known}"
    if dataset.has_images and not full:
        yield from _first_and_last(dataset)


def _count(found: int, known: int, what: str) -> tuple[bool, str]:
    if found == known:
        return True, f"{found:,} {what}, as known"
    return (
        False,
        f"{found:,} of {known:,} {what}" if found < known else f"{found:,} {what}; known are {known:,}",
    )


def _classes(counts: Mapping[int, int], classes: ClassList) -> str:
    named = [f"{classes.ids[index]} has {count}" for index, count in sorted(counts.items())]
    return few(named)


def _first_and_last(dataset: Dataset) -> Iterator[tuple[bool, str]]:
    """Decode two pictures."""
    for index in dict.fromkeys((0, len(dataset) - 1)):
        try:
            dataset[index]
        except RaybenchError as error:
            yield False, str(error)
