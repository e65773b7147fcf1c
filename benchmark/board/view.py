"""What the templates print: every text of a section, worded and rounded, nothing left to compute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..results import NO_CHECKPOINT, BoardRow, Column, PublishedRow, Score, Section, label_of
from ..statistics import AGGREGATE_WORDS
from ..tables import training_name
from .bars import Bar, Scale
from .captions import Winner, degenerate_maps, section_facts, section_notes, section_subtitle, winners
from .sections import OTHER_QUERIES
from .templating import safe_key


@dataclass(frozen=True)
class ColumnView:
    """A metric: its heading, what it tells, and the ends of the scale that its bars are drawn on.

    `group` is empty where the column before is of the same one, and where all columns are.
    """

    key: str
    group: str
    label: str
    title: str
    words: str
    aggregate: str
    unit: str
    low: str
    high: str


@dataclass(frozen=True)
class CellView:
    """A number as printed; all texts may be empty.

    Attributes:
        order: what the column is sorted by; empty without a value.
        first: True if nothing is known to be better, and something to be worse.
        only_published: True if the value itself is a published one.
        spread: the median beside the mean; or, without a value, why there is none.
    """

    order: str = ""
    value: str = ""
    interval: str = ""
    rank: str = ""
    published: str = ""
    mark: str = ""
    first: bool = False
    only_published: bool = False
    spread: str = ""
    bar: Bar | None = None


@dataclass(frozen=True)
class RowView:
    """A row of the table; `kind` is measured, summary, reference or published. Labels stand above names."""

    key: str
    kind: str
    checkpoint: str
    attribution: str
    method: str
    architecture: str
    architecture_full: str
    training: str
    cells: tuple[CellView, ...]
    queries: int
    degenerate: int
    note: str
    source: str = ""
    alarm: str = ""
    checkpoint_label: str = ""
    attribution_label: str = ""


@dataclass(frozen=True)
class SectionView:
    """A tab of the page; `leading` is the place of the metric that it is sorted by among its columns."""

    key: str
    dataset: str
    protocol: str
    subtitle: str
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    columns: tuple[ColumnView, ...]
    rows: tuple[RowView, ...]
    winners: tuple[Winner, ...]
    architectures: tuple[str, ...]
    trainings: tuple[str, ...]
    methods: tuple[str, ...]
    published: int
    measured: int
    any_degenerate: bool
    leading: int


def section_view(section: Section) -> SectionView:
    """Word a section."""
    scales = [_scale(section, column) for column in section.columns]
    rows = [_measured_row(section, row, scales) for row in section.rows]
    rows += [_published_row(section, row, scales) for row in section.published]
    return SectionView(
        key=section.key,
        dataset=section.dataset_title,
        protocol=section.protocol,
        subtitle=section_subtitle(section),
        facts=section_facts(section),
        notes=section_notes(section),
        columns=_columns(section, scales),
        rows=tuple(rows),
        winners=winners(section),
        architectures=_distinct(row.architecture for row in rows),
        trainings=_distinct(row.training for row in rows),
        methods=_distinct(row.method for row in rows),
        published=len(section.published),
        measured=len(section.rows),
        any_degenerate=degenerate_maps(section) > 0,
        leading=section.columns.index(section.sorting[0]) if section.sorting else 0,
    )


def _scale(section: Section, column: Column) -> Scale:
    """Span the scores that come from a network; floor and ceiling would leave the rest no room."""
    every = [row.scores.get(column.metric) for row in section.rows]
    networks = [row.scores.get(column.metric) for row in section.rows if row.checkpoint != NO_CHECKPOINT]
    networks += [row.scores.get(column.metric) for row in section.published if row.architecture]
    scores = [score for score in networks if score] or [score for score in every if score]
    return Scale.around(scores)


def _columns(section: Section, scales: Sequence[Scale]) -> tuple[ColumnView, ...]:
    groups = [column.group for column in section.columns]
    shown = [
        group if len(set(groups)) > 1 and group not in groups[at - 1 : at] else ""
        for at, group in enumerate(groups)
    ]
    return tuple(
        ColumnView(
            key=safe_key(column.metric),
            group=group,
            label=column.heading,
            title=column.whole_title,
            words=column.words,
            aggregate=AGGREGATE_WORDS.get(column.aggregate, ""),
            unit={"percent": "%", "none": ""}.get(column.unit, column.unit),
            low=f"{scale.low:g}",
            high=f"{scale.high:g}",
        )
        for column, scale, group in zip(section.columns, scales, shown, strict=True)
    )


def _measured_row(section: Section, row: BoardRow, scales: Sequence[Scale]) -> RowView:
    free = row.checkpoint == NO_CHECKPOINT
    return RowView(
        key=row.key,
        kind="reference" if free else "summary" if is_summary(row) else "measured",
        checkpoint="no network" if free else row.checkpoint,
        attribution=row.attribution,
        method=row.method,
        architecture=row.architecture.rpartition(":")[2],
        architecture_full=row.architecture,
        training=training_name(row.training),
        cells=tuple(
            _cell(section, row, column, scale) for column, scale in zip(section.columns, scales, strict=True)
        ),
        queries=row.queries,
        degenerate=row.degenerate,
        note=row.note,
        alarm=row.alarm,
        checkpoint_label=_label("checkpoint", row),
        attribution_label=_label("attribution", row),
    )


def is_summary(row: BoardRow) -> bool:
    """Say whether the numbers of a row are those of its summary alone, which no records support."""
    return not row.values and row.note not in ("", OTHER_QUERIES)


def _label(kind: str, row: BoardRow) -> str:
    name = getattr(row, kind)
    label = label_of(kind, name, row.folder)
    return "" if label == name else label


def _published_row(section: Section, row: PublishedRow, scales: Sequence[Scale]) -> RowView:
    architecture = row.architecture.rpartition(":")[2]
    name = f"{architecture} {training_name(row.training)}" if row.architecture else "no network"
    parts = ("published", row.architecture or "none", row.training or "none", row.attribution)
    return RowView(
        key=f"{section.key}-{safe_key(*parts)}",
        kind="published",
        checkpoint=name,
        attribution=row.attribution,
        method=row.attribution,
        architecture=architecture,
        architecture_full=row.architecture,
        training=training_name(row.training),
        cells=tuple(
            _published_cell(column, row.scores.get(column.metric), scale)
            for column, scale in zip(section.columns, scales, strict=True)
        ),
        queries=0,
        degenerate=0,
        note=row.mark,
        source=row.source,
    )


def _cell(section: Section, row: BoardRow, column: Column, scale: Scale) -> CellView:
    score = row.scores.get(column.metric)
    if score is None:
        free = column.needs_network and row.checkpoint == NO_CHECKPOINT
        return CellView(spread="it asks the network: a map without one has no value" if free else "no value")
    ranked = sum(
        found.rank is not None for row in section.rows if (found := row.scores.get(column.metric)) is not None
    )
    return CellView(
        order=repr(score.value),
        value=column.printed(score.value),
        interval=column.printed_interval(score.low, score.high),
        rank=str(score.rank) if score.rank else "",
        published=column.printed(score.published),
        mark=score.mark,
        # a place that every row may hold is no distinction
        first=score.rank is not None and score.rank.best == 1 and score.rank.worst < max(ranked, 2),
        spread=_spread(row, column),
        bar=scale.bar(score),
    )


def _spread(row: BoardRow, column: Column) -> str:
    """Say where the middle of the values lies, which a mean does not; nothing of hits and misses."""
    values = row.values.get(column.metric)
    if values is None or column.judges_point or np.isnan(values).all():
        return ""
    low, median, high = map(column.printed, np.nanpercentile(values, [25, 50, 75]))
    return f"median {median}, middle half {low} to {high}"


def _published_cell(column: Column, score: Score | None, scale: Scale) -> CellView:
    if score is None:
        return CellView(spread="no value")
    return CellView(
        order=repr(score.published),
        value=column.printed(score.published),
        mark=score.mark,
        only_published=True,
        bar=scale.bar(Score(score.published)),
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text}))
