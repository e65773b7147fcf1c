"""What stands above and below the table of a section: how much was measured, and what to know about it."""

from __future__ import annotations

import math

from ..results import NO_CHECKPOINT, Section
from ..tables import REPEATED

__all__ = ["degenerate_maps", "section_facts", "section_notes", "section_subtitle"]


def section_subtitle(section: Section) -> str:
    """Say what tells a tab from another of the same dataset."""
    images = _images(section)
    return f"{section.protocol} · {_counted(images, 'image') if images else 'published only'}"


def _images(section: Section) -> int:
    """Number of images that the runs of a section measured."""
    if not section.rows:
        return 0
    run = section.rows[0].folder
    images, limit = run.dataset.get("images"), run.manifest.get("limit")
    known = [count for count in (images, limit) if isinstance(count, int)]
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
    if section.columns and len(section.rows) > 1:
        facts.append(f"sorted by {section.columns[-1].label}")
    return tuple(facts)


def degenerate_maps(section: Section) -> int:
    """Count the degenerate maps of networks; among methods without one, `uniform` makes nothing else."""
    return sum(row.degenerate for row in section.rows if row.checkpoint != NO_CHECKPOINT)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def section_notes(section: Section) -> tuple[str, ...]:
    """Say below the table what a reader must know about its rows."""
    remarks = dict.fromkeys((section.changes, *(row.note for row in section.rows)))
    notes = [f"{remark[:1].upper()}{remark[1:]}." for remark in remarks]
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
        notes.append(
            "Its COCO rows repeat its ImageNet ResNet18 rows number by number, an evident copy: they are "
            "shown as printed, and are no reference for COCO."
        )
    notes += [f"Note of the published rows: {mark}." for mark in marks if mark not in ("", REPEATED)]
    return tuple(note for note in notes if note not in ("", "."))


def _ceiling(section: Section) -> str:
    """Say how far rows can come at most where the true boxes themselves do not score 100."""
    for row in section.rows:
        scores = [score.value for score in row.scores.values() if not math.isnan(score.value)]
        if row.checkpoint == NO_CHECKPOINT and row.method == "box_oracle" and scores and min(scores) < 100:
            return (
                f"The true boxes themselves (box_oracle) score {min(scores):.2f} here, not 100: under this "
                "protocol some pictures lose their boxes, and there nothing can hit."
            )
    return ""
