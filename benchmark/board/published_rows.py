"""What was published of a dataset and protocol, for rows that nobody has measured yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..results import PublishedRow, Score
from ..tables import SOURCES, PublishedValue, Source, load_published, normal_training

__all__ = ["RowName", "published_groups", "published_rows"]

RowName = tuple[str, str, str]
"""Architecture, training recipe and method; the architecture is empty for methods that need no network."""


def published_groups() -> Iterator[tuple[str, str]]:
    """Yield each dataset and protocol of which numbers were published, in the order of the sources."""
    seen = set()
    for source in SOURCES.values():
        for value in load_published(source.name):
            key = (value.dataset, source.protocol)
            if key not in seen:
                seen.add(key)
                yield key


def published_rows(
    dataset: str | None, protocol: str, measured: Collection[RowName]
) -> tuple[PublishedRow, ...]:
    """Return the published rows of a dataset under a protocol, without those that were measured.

    Args:
        dataset: as `published_dataset` gives it; None has no rows.
        protocol: its name.
        measured: what to leave out.
    """
    return tuple(
        row
        for source in SOURCES.values()
        if source.protocol == protocol and dataset is not None
        for row in _rows_of(source, [v for v in load_published(source.name) if v.dataset == dataset])
        if (row.architecture, normal_training(row.training), row.attribution) not in measured
    )


def _rows_of(source: Source, values: list[PublishedValue]) -> Iterator[PublishedRow]:
    by_row: dict[RowName, list[PublishedValue]] = {}
    for value in values:
        by_row.setdefault(_row_name(value), []).append(value)
    for (architecture, training, attribution), found in by_row.items():
        scores = {v.metric: Score(published=v.value, source=source.title, mark=v.mark) for v in found}
        marks = dict.fromkeys(score.mark for score in scores.values() if score.mark)
        yield PublishedRow(source.title, architecture, training, attribution, scores, "; ".join(marks))


def _row_name(value: PublishedValue) -> RowName:
    """A method without a network is printed once per architecture, always with the same values."""
    free = value.training == "none"
    return ("" if free else value.architecture, "" if free else value.training, value.attribution)
