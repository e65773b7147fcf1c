"""What stands above and below the table of a section: how much was measured, who is best, what to know."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..results import (
    NO_CHECKPOINT,
    BoardRow,
    Column,
    PublishedRow,
    Score,
    Section,
    label_of,
    remarks,
    shows_the_truth,
)
from ..tables import REPEATED, SOURCES, training_name
from .sections import OTHER_QUERIES


def section_subtitle(section: Section) -> str:
    """Say what tells a tab from another of the same dataset."""
    images = _images(section)
    return f"{section.protocol} · {_counted(images, 'image') if images else 'published only'}"


def _images(section: Section) -> int:
    if not section.rows:
        return 0
    run = section.rows[0].folder
    images, limit = run.dataset.get("images"), run.manifest.get("limit")
    known = [count for count in (images, limit) if isinstance(count, int)]
    if len(section.image_ids):  # a suite may draw a sample of its own
        known.append(len(set(section.image_ids.tolist())))
    return min(known, default=max(row.queries for row in section.rows))


def section_facts(section: Section) -> tuple[str, ...]:
    """Say how much was measured, and how the table is sorted."""
    if not section.rows:
        return (_counted(len(section.published), "published row"), "nothing measured here yet")
    networks = {row.checkpoint for row in section.rows} - {NO_CHECKPOINT}
    methods = {row.attribution for row in section.rows if row.checkpoint != NO_CHECKPOINT and row.attribution}
    queries = max(row.queries for row in section.rows)
    facts = [f"{_counted(_images(section), 'image')}, {queries:,} queries per row"]
    if networks:
        facts.append(f"{_counted(len(networks), 'checkpoint')}, {_counted(len(methods), 'method')}")
    if section.published:
        facts.append(_counted(len(section.published), "published row"))
    degenerate = degenerate_maps(section)
    facts.append(f"{degenerate:,} degenerate maps" if degenerate else "no degenerate maps")
    if section.sorting and len(section.rows) > 1:
        facts.append(f"sorted by {section.sorting[0].label}")
    return tuple(facts)


def degenerate_maps(section: Section) -> int:
    """Count the degenerate maps of networks; among methods without one, some make nothing else."""
    return sum(row.degenerate for row in section.rows if row.checkpoint != NO_CHECKPOINT)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def section_notes(section: Section) -> tuple[str, ...]:
    """Say below the table what a reader must know about its rows."""
    runs = list(dict.fromkeys(row.folder for row in section.rows))
    said = dict.fromkeys((section.changes, *(row.note for row in section.rows), *remarks(runs)))
    names = {str(run.path) for run in runs} | {name for run in runs for name in run.checkpoints}
    names |= {label_of("checkpoint", name, run) for run in runs for name in run.checkpoints}
    notes = [f"{_begun(remark, names)}." for remark in said]
    notes += [f"The same weights under several names: {', '.join(names)}." for names in _twins(section)]
    notes.append(_ceiling(section))
    sources = dict.fromkeys(row.source for row in section.published)
    sources |= dict.fromkeys(s.source for row in section.rows for s in row.scores.values() if s.source)
    notes += [f"Published values: {source}." for source in sources]
    if sources and section.rows:
        images = _counted(_images(section), "image")
        notes.append(f"Published values are of the whole dataset, measured ones of {images}.")
    marks = dict.fromkeys(row.mark for row in section.published)
    marks |= dict.fromkeys(score.mark for row in section.rows for score in row.scores.values())
    if REPEATED in marks:
        known = [source for source in SOURCES.values() if source.title in sources]
        notes += [words for source in known for words in source.repeated.values()]
    notes += [f"Note of the published rows: {mark}." for mark in marks if mark not in ("", REPEATED)]
    return tuple(note for note in notes if note not in ("", "."))


def _begun(remark: str, names: Collection[str]) -> str:
    """Begin a sentence with a capital, unless it begins with one of some names."""
    named = any(remark.startswith((f"{name}:", f"{name},")) for name in names)
    return remark if named else f"{remark[:1].upper()}{remark[1:]}"


def _twins(section: Section) -> list[list[str]]:
    """Return the checkpoints whose weights are the same to the last bit, by hash."""
    names: dict[str, list[str]] = {}
    for row in section.rows:
        sha256 = row.folder.weights.get(row.checkpoint)
        if sha256 and row.checkpoint not in names.setdefault(sha256, []):
            names[sha256].append(row.checkpoint)
    return [several for several in names.values() if len(several) > 1]


def _ceiling(section: Section) -> str:
    """Say how far rows can come at most where the ground truth itself does not score what it should."""
    for row in section.rows:
        if row.checkpoint != NO_CHECKPOINT or not shows_the_truth(row.method, row.folder):
            continue
        for column in section.columns:
            value = row.scores.get(column.metric, Score()).value
            if column.perfect is not None and value < column.perfect:
                return (
                    f"The true boxes themselves ({row.attribution}) score {value:.2f} {column.label} here, "
                    f"not {column.perfect:g}: under this protocol some pictures lose their boxes, and there "
                    "nothing can hit."
                )
    return ""


@dataclass(frozen=True)
class Winner:
    """The highest score of a metric, and what is known of its place.

    Attributes:
        row_key: of the row; empty for a published one.
        certainty: one phrase.
        sure: True if the row is known to be ahead of all others.
    """

    metric: str
    checkpoint: str
    attribution: str
    value: str
    interval: str
    certainty: str
    row_key: str = ""
    sure: bool = False


def winners(section: Section) -> tuple[Winner, ...]:
    """Return the winner of each metric among rows with a network; published ones if there are no others.

    Where networks look comes first: it is what the page is about. Accuracy and F1 follow.
    """
    found = [
        _winner(section, column)
        for column in sorted(section.columns, key=lambda one: one.about_checkpoint)
        if column.ranked
    ]
    return tuple(winner for winner in found if winner)


def _winner(section: Section, column: Column) -> Winner | None:
    measured = [
        (score.value, row)
        for row in section.rows
        if row.checkpoint != NO_CHECKPOINT and (score := row.scores.get(column.metric)) is not None
    ]
    if not measured:
        return _published_winner(section, column)
    sign = 1 if column.higher_is_better else -1
    _, best = max(measured, key=lambda pair: sign * pair[0])
    score = best.scores[column.metric]
    return Winner(
        metric=column.whole_title,
        checkpoint=label_of("checkpoint", best.checkpoint, best.folder),
        attribution="" if column.about_checkpoint else label_of("attribution", best.attribution, best.folder),
        value=_short(column, score.value),
        interval=column.printed_interval(score.low, score.high),
        certainty=_certainty(section, column, best, score),
        row_key=best.key,
        sure=score.rank == (1, 1),
    )


def _short(column: Column, value: float) -> str:
    return f"{value:.1f} %" if column.unit == "percent" else column.printed(value)


def _certainty(section: Section, column: Column, best: BoardRow, score: Score) -> str:
    scored = [(row, other) for row in section.rows if (other := row.scores.get(column.metric)) is not None]
    networks = [(row, other) for row, other in scored if row.checkpoint != NO_CHECKPOINT]
    if column.about_checkpoint:
        # every row of a checkpoint carries its accuracy; ties are read off the intervals
        others = {row.checkpoint: other for row, other in networks if row.checkpoint != best.checkpoint}
        overlapping = sum(other.high >= score.low for other in others.values())
        if not others:
            return "the only checkpoint"
        if any(math.isnan(end) for end in (score.low, *(other.high for other in others.values()))):
            return "not every checkpoint has an interval"
        if overlapping:
            return f"interval overlaps with {_counted(overlapping, 'other checkpoint')}"
        return "no interval overlaps"
    if score.rank is None:
        return f"not ranked: {_why_unranked(column, best, [row for row, _ in networks])}"
    first = sum(other.rank is not None and other.rank.best == 1 for row, other in networks if row is not best)
    if first:
        return f"cannot be told apart from {_counted(first, 'other row')}"
    references = "; references take no place" if len(scored) > len(networks) else ""
    return f"ahead of every other ranked row{references}"


def _why_unranked(column: Column, best: BoardRow, networks: Sequence[BoardRow]) -> str:
    if not best.values:
        return "measured on other queries than most rows" if best.note == OTHER_QUERIES else "no records"
    if column.metric not in best.values:
        return "it has no value per query"
    if sum(column.metric in row.values for row in networks) == 1:
        return "there is no other row to compare it with"
    return "it lacks the values of too many queries"


def _published_winner(section: Section, column: Column) -> Winner | None:
    scored: list[tuple[float, PublishedRow]] = [
        (score.published, row)
        for row in section.published
        if row.architecture and (score := row.scores.get(column.metric)) is not None
    ]
    if not scored:
        return None
    value, best = max(scored, key=lambda pair: pair[0] if column.higher_is_better else -pair[0])
    return Winner(
        metric=column.whole_title,
        checkpoint=f"{best.architecture} {training_name(best.training)}",
        attribution="" if column.about_checkpoint else best.attribution,
        value=_short(column, value),
        interval="",
        certainty="as published, without an interval",
    )
