"""Data sets whose content this project knows by fingerprint, and what is certain about results on them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from ...base import Document, read_document

__all__ = ["CENTER_METRICS", "KnownDataset", "known_dataset", "queries_sha256"]

CENTER_METRICS = (
    ("pointing_game", "class_mean"),
    ("stochastic_pointing_game", "query_mean"),
    ("content_heatmap", "query_mean"),
)
"""What the three numbers of `KnownDataset.center` are."""


class KnownDataset(Document):
    """One entry of known.yaml.

    Attributes:
        dataset: name of the reader.
        title: for messages.
        fingerprint: as manifests give it.
        classes: the shipped class list that class indices follow.
        images: how many.
        queries_sha256: see `queries_sha256`.
        center: values of the method `center`, in percent, in the order of `CENTER_METRICS`, by protocol id.
    """

    dataset: str
    title: str
    fingerprint: str
    classes: str
    images: int
    queries_sha256: str
    center: dict[str, tuple[float, float, float]] = Field(default_factory=dict)


class _Known(Document):
    datasets: list[KnownDataset]


@functools.cache
def _known() -> dict[str, KnownDataset]:
    path = Path(str(files("raybench.benchmark.submission") / "known.yaml"))
    return {entry.fingerprint: entry for entry in read_document(path, _Known).datasets}


def known_dataset(fingerprint: str) -> KnownDataset | None:
    """Return what is known about the data of this fingerprint, or None."""
    return _known().get(fingerprint)


def queries_sha256(queries: Iterable[tuple[str, int]]) -> str:
    """SHA-256 over the sorted lines `image_id class_index` of queries."""
    text = "".join(f"{image_id} {class_index}\n" for image_id, class_index in sorted(queries))
    return hashlib.sha256(text.encode()).hexdigest()
