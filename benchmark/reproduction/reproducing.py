"""Regenerates a published table: measures its columns by ordinary suites, and judges what came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets import Dataset, class_of, find_reader, open_dataset
from ..results import open_results
from ..running import Reporter, SilentReporter, evaluate
from ..statistics import draw_sample
from ..suite import Settings, protocol_from
from .judging import Judged, Sample, judge
from .table import Group, PublishedTable, write_suite
from .verdicts import Verdict, Word, contradicts


@dataclass(frozen=True)
class Reproduction:
    """A table that was measured again.

    Attributes:
        table: what was asked for.
        judged: every cell of it, in its order.
        samples: by column, where not all images were measured.
        manifests: by what was measured together: by column, and method of another protocol.
    """

    table: PublishedTable
    judged: tuple[Judged, ...]
    samples: Mapping[str, Sample]
    manifests: Mapping[str, Mapping[str, Any]]

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have each verdict, in the order of verdicts."""
        words = [one.verdict.word for one in self.judged]
        return {str(word): words.count(word) for word in Word if word in words}

    @property
    def contradicts(self) -> bool:
        """Whether any cell contradicts what was published."""
        return contradicts(one.verdict for one in self.judged)

    @property
    def regenerated(self) -> bool:
        """Whether every cell that has a reference was measured on all images, and is equal or close."""
        fine = {Word.EQUAL, Word.CLOSE, Word.AS_EXPECTED, Word.NO_REFERENCE}
        return not self.samples and {one.verdict.word for one in self.judged} <= fine

    @property
    def verdict(self) -> str:
        """In one line."""
        counted = ", ".join(f"{count} {word}" for word, count in self.counts.items())
        return f"regenerated: {counted}" if self.regenerated else counted


def reproduce(
    table: PublishedTable,
    settings: Settings,
    *,
    only: Collection[str] | None = None,
    reporter: Reporter | None = None,
) -> Reproduction:
    """Measure a table and judge it; a run that was stopped goes on where it was.

    Args:
        table: what to measure.
        settings: as for `evaluate`; `out` is the folder of all columns, and `limit` draws that many images at
            random, the same for all methods of a column.
        only: columns to measure; all by default.
        reporter: told of what happens.

    Raises:
        RaybenchError: as `evaluate` does.
    """
    reporter = reporter or SilentReporter()
    judged: dict[tuple[str, str, str], Judged] = {}
    samples: dict[str, Sample] = {}
    manifests: dict[str, Mapping[str, Any]] = {}
    for group in table.groups:
        if only is not None and group.column not in only:
            continue
        reporter.say(f"{group.name}: {len(group.cells)} cells on {group.dataset.label}")
        suite, sample = _prepared(group, table, settings)
        if sample:
            samples[group.column] = sample
        here = replace(settings, out=settings.out / group.name, limit=None)
        manifests[group.name] = evaluate(suite, here, reporter=reporter).manifest
        for one in judge(group, table.source, open_results(here.out), sample):
            judged[one.cell.key] = one
    cells = tuple(judged.get(cell.key) or _not_run(table, cell.key, cell) for cell in table.cells)
    return Reproduction(table, cells, samples, manifests)


def _not_run(table: PublishedTable, key: tuple[str, str, str], cell: Any) -> Judged:
    reason = table.impossible.get(key, "its column was left out")
    return Judged(cell, Verdict(Word.NOT_RUN, reason))


def _prepared(group: Group, table: PublishedTable, settings: Settings) -> tuple[Path, Sample | None]:
    """Write the suite of a column into the folder of results, and draw its sample."""
    out, listed, sample = settings.out, "", None
    path = out / f"{group.name}.yaml"
    if settings.limit is not None:
        dataset = _opened(group, table, settings)
        images = () if dataset.multilabel else range(len(dataset))
        classes = [class_of(dataset, index) for index in images]
        sizes = Counter(classes)
        equal = len(set(sizes.values())) == 1
        by_class = equal and settings.limit >= 2 * len(sizes)
        chosen = draw_sample(len(dataset), classes if by_class else None, settings.limit)
        if len(chosen) < len(dataset):
            sample = Sample(len(chosen), len(dataset), by_class, equal)
            listed = f"{group.name}-sample.txt"
            out.mkdir(parents=True, exist_ok=True)
            lines = "\n".join(dataset.image_ids[index] for index in chosen)
            (out / listed).write_text(f"{lines}\n", encoding="utf-8")
    name = f"{Path(table.name).stem}-{group.name}"
    write_suite(path, group.suite(table.source, name, listed))
    return path, sample


def _opened(group: Group, table: PublishedTable, settings: Settings) -> Dataset:
    options = {key: value for key, value in group.choice.items() if key not in ("name", "label")}
    protocol = protocol_from(table.source.protocol, table.source.protocol_changes)
    return open_dataset(find_reader(str(group.choice["name"])), settings.data, protocol, options)
