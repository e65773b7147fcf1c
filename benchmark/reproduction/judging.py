"""Judges what runs have measured by what was published."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..results import NO_CHECKPOINT, ResultFolder, facts_of, mapping, open_results, read_lists
from ..statistics import Estimate, estimate_mean, of_sample
from ..tables import PublishedValue, Source
from .table import Group, label_of, metric_of
from .verdicts import Verdict, Word, judged_on_all, judged_on_sample, tolerance_of

_NOTHING = Estimate(math.nan, math.nan, math.nan)
_ENOUGH = 10**9  # queries of each class
_MOST_MISSING = 0.001  # share of the pictures whose loss moves no printed digit


class Sample(NamedTuple):
    """A random sample.

    Attributes:
        images: in it.
        of: in all.
        by_class: whether as many of every class were drawn.
        equal: whether the classes are of one size, so that means over queries and over classes are one.
        seed: of the draw.
    """

    images: int
    of: int
    by_class: bool
    equal: bool
    seed: int = 0


@dataclass(frozen=True)
class Judged:
    """A cell with what was measured of it; NaN where nothing was."""

    cell: PublishedValue
    verdict: Verdict
    found: Estimate = _NOTHING
    note: str = ""


def printed_to(value: float, digit: float) -> str:
    """Print a value to a digit such as 0.1; empty if there is none."""
    return "" if math.isnan(value) else f"{value:.{max(0, round(-math.log10(digit)))}f}"


def judge(group: Group, source: Source, run: ResultFolder, sample: Sample | None) -> list[Judged]:
    """Judge all cells of a column.

    Args:
        group: the cells.
        source: of the table.
        run: the result folder that the column was measured into.
        sample: None if all images were measured.
    """
    judged = [_judge_cell(cell, group, source, run, sample) for cell in group.cells]
    failed = {
        one.cell.checkpoint
        for one in judged
        if one.cell.metric == source.gate and one.verdict.word in (Word.DIFFERS, Word.INCONSISTENT)
    }
    other = Verdict(Word.VOID, f"these are other weights: {source.gate} {{}} the published one")
    return [
        one
        if one.cell.checkpoint not in failed or one.cell.metric == source.gate
        else Judged(one.cell, _void(other, sample), one.found, one.note)
        for one in judged
    ]


def _void(verdict: Verdict, sample: Sample | None) -> Verdict:
    word = "differs from" if sample is None else "is inconsistent with"
    return Verdict(verdict.word, verdict.reason.format(word))


def _judge_cell(
    cell: PublishedValue, group: Group, source: Source, run: ResultFolder, sample: Sample | None
) -> Judged:
    if cell.subset and not run.files.summary_of(cell.subset).is_file():
        return Judged(cell, Verdict(Word.NOT_RUN, f"no query belongs to the subset {cell.subset!r}"))
    run = open_results(run.path, cell.subset) if cell.subset else run
    found, note = _measured(cell, run, sample)
    if math.isnan(found.value):
        return Judged(cell, Verdict(Word.NOT_RUN, _why_missing(cell, run)))
    excuse = _other_weights(cell, source, run) or _other_data(group, run, sample)
    if excuse:
        return Judged(cell, Verdict(Word.VOID, excuse), found, note)
    tolerance = tolerance_of(cell, source)
    if sample is None:
        certain = found._replace(low=math.nan, high=math.nan)
        return Judged(cell, judged_on_all(cell, found.value, tolerance), certain)
    simple = cell.aggregate == "class_mean" and not sample.by_class and not sample.equal
    fewest = _fewest(cell, run) if simple else _ENOUGH
    return Judged(cell, judged_on_sample(cell, found, tolerance, fewest=fewest), found, note)


def _measured(cell: PublishedValue, run: ResultFolder, sample: Sample | None) -> tuple[Estimate, str]:
    """Return a cell's value, with the interval of the value on all images for a sample, and a note."""
    facts = facts_of(metric_of(cell), [run])
    about_maps = facts is not None and not facts.of_predictions
    checkpoint = cell.checkpoint or NO_CHECKPOINT
    wanted = (checkpoint, label_of(cell) if about_maps else "", metric_of(cell))
    rows = {
        row["aggregate"]: row
        for row in run.rows
        if (row["checkpoint"], row["attribution"], row["metric"]) == wanted
    }
    aggregate, note = cell.aggregate, ""
    if sample and sample.equal and not sample.by_class and aggregate == "class_mean":
        aggregate, note = "query_mean", "the mean over queries stands in for that over classes"
    row = rows.get(aggregate)
    if row is None:
        return _NOTHING, ""
    found = Estimate(row["value"], row["ci_low"], row["ci_high"])
    if sample is None:
        return found, note
    if sample.by_class and facts is not None and facts.per_query and not cell.subset:
        found = _stratified(run.records(checkpoint, label_of(cell)), metric_of(cell), facts.bounds)
    return of_sample(found, measured=sample.images, images=sample.of), note


def _stratified(records: pd.DataFrame, metric: str, bounds: tuple[float, float]) -> Estimate:
    """Estimate a mean from as many images of every class: over queries it is that over classes."""
    images, _ = pd.factorize(records["image_id"].astype(str), sort=True)
    values = records[metric].to_numpy(np.float64)
    there = ~np.isnan(values)
    classes = records["class_index"].to_numpy(np.int64)
    return estimate_mean(values[there], images[there].astype(np.int64), classes[there], bounds)


def _fewest(cell: PublishedValue, run: ResultFolder) -> int:
    """Count the queries of the class with the fewest."""
    records = run.records(cell.checkpoint or NO_CHECKPOINT, label_of(cell))
    if cell.subset:
        listed = read_lists(run.files.subsets)
        records = listed[[cell.subset in str(names).split() for names in listed["subsets"]]]
    counts = Counter(records["class_index"])
    classes = len(mapping(mapping(run.manifest.get("facts")).get("classes"))) or len(counts)
    return min(counts.values(), default=0) if len(counts) == classes else 0


def _why_missing(cell: PublishedValue, run: ResultFolder) -> str:
    undefined = mapping(mapping(run.manifest.get("not_defined")).get(cell.checkpoint))
    return str(undefined.get(label_of(cell), "the run has no such row"))


def _other_weights(cell: PublishedValue, source: Source, run: ResultFolder) -> str:
    if not cell.checkpoint:
        return ""
    known = source.checkpoints[cell.checkpoint].sha256
    measured = run.weights.get(cell.checkpoint, "")
    if not known or not measured or measured.startswith(known):
        return ""
    return f"these are other weights: SHA-256 {measured[:8]}, the published ones' is {known}"


def _other_data(group: Group, run: ResultFolder, sample: Sample | None) -> str:
    images = run.dataset.get("images")
    there = sample.of if sample else images if isinstance(images, int) else 0
    skipped: Sequence[Any] = run.manifest.get("skipped") or ()
    lost, known = len(skipped), group.dataset.images
    if there != known:
        return f"this is other data: {there:,} pictures, {group.dataset.label} has {known:,}"
    if lost > _MOST_MISSING * known:
        return f"{lost:,} of {known:,} pictures could not be used"
    return ""
