"""A section of the board: comparable rows under common columns, ranked, beside what was published."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from ..results import (
    NO_CHECKPOINT,
    BoardRow,
    CheckedRow,
    Column,
    PublishedRow,
    QuerySet,
    ResultFolder,
    Score,
    Section,
    columns_of,
    dataset_label,
    dataset_title,
    protocol_changes,
)
from ..statistics import Aggregate, RankRange, rank_rows
from ..tables import (
    SOURCES,
    PublishedValue,
    Source,
    load_published,
    method_of,
    published_beside,
    published_column,
    published_dataset,
    published_title,
)
from .templating import safe_key

OTHER_QUERIES = "measured on other queries than most rows of this section: not ranked"


RowName = tuple[str, str]
"""Checkpoint and method; the checkpoint is empty for methods that need no network."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A sound row with the run that measured it."""

    run: ResultFolder
    row: CheckedRow


def build_section(
    entries: Sequence[Entry], *, with_published: bool, alarms: Mapping[RowName, str]
) -> Section:
    """Turn comparable rows into a section, its rows in the order in which they are shown.

    `alarms` says of rows which sanity check they fail, on whatever data; see `raybench.benchmark.results`.
    """
    run = entries[0].run
    first = run.rows[0]
    dataset, protocol = dataset_label(run), str(first["protocol"])
    fingerprint = str(run.dataset.get("fingerprint", ""))
    key = "-".join((safe_key(dataset, protocol), safe_key(str(first["protocol_id"])[:6], fingerprint[:6])))
    columns = columns_of((entry.run, row) for entry in entries for row in entry.row.scores.values())
    common = _common_queries(entries)
    made = (_row(entry, key, columns, common) for entry in entries)
    rows = _with_unique_keys(
        replace(row, alarm=alarms.get((row.checkpoint, row.attribution), "")) for row in made
    )
    published: tuple[PublishedRow, ...] = ()
    if with_published:
        measured = {(_network(row.checkpoint), _plain(row.method)) for row in rows}
        published = published_rows(published_dataset(dataset), protocol, measured)
        columns = _with_published_columns(columns, published)
    section = Section(
        key=key,
        title=f"{dataset}, protocol {protocol}",
        dataset=dataset,
        dataset_title=dataset_title(run),
        protocol=protocol,
        protocol_id=str(first["protocol_id"]),
        changes=protocol_changes(run),
        columns=columns,
        rows=tuple(rows),
        published=published,
    )
    if common:
        section = replace(
            section,
            image_ids=common.image_ids,
            class_index=common.class_index,
            class_names=common.class_names,
        )
    return _in_order(_ranked(section))


def _with_unique_keys(rows: Iterable[BoardRow]) -> list[BoardRow]:
    """Number rows whose names give the same key, such as `a-b` under `c` and `a` under `b-c`."""
    seen: Counter[str] = Counter()
    unique = []
    for row in rows:
        seen[row.key] += 1
        unique.append(row if seen[row.key] == 1 else replace(row, key=f"{row.key}-{seen[row.key]}"))
    return unique


def _with_published_columns(
    columns: tuple[Column, ...], published: Sequence[PublishedRow]
) -> tuple[Column, ...]:
    have = {column.metric for column in columns}
    metrics = dict.fromkeys(metric for row in published for metric in row.scores)
    added = [published_column(metric) for metric in metrics if metric not in have]
    return tuple(sorted((*columns, *added), key=lambda column: column.place))


def _common_queries(entries: Iterable[Entry]) -> QuerySet | None:
    """Return the queries that most rows were measured on; the first such ones on ties."""
    sets = [entry.row.queries for entry in entries if entry.row.queries is not None]
    if not sets:
        return None
    most = Counter(found.digest for found in sets).most_common(1)[0][0]
    return next(found for found in sets if found.digest == most)


def _row(entry: Entry, section_key: str, columns: Sequence[Column], common: QuerySet | None) -> BoardRow:
    row, run = entry.row, entry.run
    card = run.checkpoints.get(row.checkpoint, {})
    paired = row.queries is not None and common is not None and row.queries.digest == common.digest
    note = row.note or ("" if paired or row.queries is None else OTHER_QUERIES)
    counts = {name: [score[name] for score in row.scores.values()] for name in ("n", "degenerate")}
    about_maps = [score["n"] for score in row.scores.values() if score["attribution"]]
    made = BoardRow(
        key=f"{section_key}-{safe_key(row.checkpoint, *([row.attribution] if row.attribution else []))}",
        folder=run,
        checkpoint=row.checkpoint,
        attribution=row.attribution,
        method=method_of(row.attribution, run),
        architecture=str(card.get("architecture") or ""),
        training=str(card.get("training") or ""),
        scores={},
        values=row.values if paired else {},
        queries=_largest(about_maps or counts["n"]),
        degenerate=_largest(counts["degenerate"]),
        note=note,
    )
    scores = {column.metric: _score(entry, column, made) for column in columns}
    return replace(made, scores={metric: score for metric, score in scores.items() if score is not None})


def _largest(counts: Iterable[float]) -> int:
    return int(max((count for count in counts if not math.isnan(count)), default=0))


def _score(entry: Entry, column: Column, row: BoardRow) -> Score | None:
    """Return a number with what was published of the same thing; None if there is none."""
    found = entry.row.scores.get((column.metric, column.aggregate))
    if found is None or math.isnan(found["value"]):
        return None
    score = Score(float(found["value"]), float(found["ci_low"]), float(found["ci_high"]))
    return published_beside(score, entry.run, row.checkpoint, row.attribution, column)


def _ranked(section: Section) -> Section:
    """Give each score the places that its row may hold among the rows that need a network."""
    values, keys, aggregates, better_up = {}, {}, {}, {}
    for column in section.columns:
        metric = column.metric
        rows = [r for r in section.rows if metric in r.values and r.checkpoint != NO_CHECKPOINT]
        if len(rows) > 1 and column.ranked:
            values[metric] = np.stack([row.values[metric] for row in rows])
            keys[metric] = [row.key for row in rows]
            aggregates[metric] = cast(Aggregate, column.aggregate)
            better_up[metric] = column.higher_is_better
    found = rank_rows(
        values, section.image_ids, section.class_index, aggregates=aggregates, higher_is_better=better_up
    )
    ranks = {metric: dict(zip(keys[metric], found[metric], strict=True)) for metric in found}
    return replace(section, rows=tuple(_with_ranks(row, ranks) for row in section.rows))


def _with_ranks(row: BoardRow, ranks: Mapping[str, Mapping[str, RankRange | None]]) -> BoardRow:
    scores = {
        metric: replace(score, rank=ranks.get(metric, {}).get(row.key))
        for metric, score in row.scores.items()
    }
    return replace(row, scores=scores)


def _in_order(section: Section) -> Section:
    """Sort rows by one column, best first; methods without a network, the floor and ceiling, last."""

    def place(row: BoardRow) -> tuple[bool, float]:
        for column in section.sorting:
            if column.metric in row.scores:
                value = row.scores[column.metric].value
                return row.checkpoint == NO_CHECKPOINT, -value if column.higher_is_better else value
        return row.checkpoint == NO_CHECKPOINT, math.inf

    return replace(section, rows=tuple(sorted(section.rows, key=place)))


def _network(checkpoint: str) -> str:
    return "" if checkpoint == NO_CHECKPOINT else checkpoint


def _plain(method: str) -> str:
    return method.removeprefix("torchray.")


def published_groups() -> Iterator[tuple[str, str]]:
    """Yield each dataset and protocol of which numbers were published, in the order of the sources."""
    yield from dict.fromkeys(
        (value.dataset, source.protocol) for name, source in SOURCES.items() for value in load_published(name)
    )


def published_section(dataset: str, protocol: str) -> Section:
    """Return the section of a published dataset and protocol of which nothing was measured."""
    rows = published_rows(dataset, protocol, ())
    return Section(
        key=f"{safe_key(dataset, protocol)}-published",
        title=f"{dataset}, protocol {protocol}",
        dataset=dataset,
        dataset_title=published_title(dataset),
        protocol=protocol,
        columns=_with_published_columns((), rows),
        published=rows,
    )


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
        for name, source in SOURCES.items()
        if source.protocol == protocol and dataset is not None
        for row in _rows_of(
            source,
            [
                value
                for value in load_published(name)
                if value.dataset == dataset and (value.checkpoint, value.attribution) not in measured
            ],
        )
    )


def _rows_of(source: Source, values: list[PublishedValue]) -> Iterator[PublishedRow]:
    by_row: dict[RowName, list[PublishedValue]] = {}
    for value in values:
        by_row.setdefault((value.checkpoint, value.attribution), []).append(value)
    for (checkpoint, attribution), found in by_row.items():
        scores = {v.metric: Score(published=v.value, source=source.title, mark=v.mark) for v in found}
        marks = dict.fromkeys(score.mark for score in scores.values() if score.mark)
        # a method without a network is printed once per architecture, always with the same values
        training = found[0].training if checkpoint else ""
        yield PublishedRow(
            source.title, found[0].architecture, training, attribution, scores, "; ".join(marks)
        )
