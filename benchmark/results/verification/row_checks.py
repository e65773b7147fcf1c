"""Checks a row before it goes on the board: its summary must follow from its records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ....base import RaybenchError
from ...statistics import Aggregate, Facts
from ..complete import first_lost
from ..facts import facts_of, shows_the_truth
from ..files.folder import NO_CHECKPOINT, ResultFolder, read_lists, read_predictions, read_records
from ..files.names import STATISTICS
from ..files.rows import RECORD_COLUMNS
from ..summary import Summary, summarise_predictions, summarise_row
from .curve_checks import refuse_other_curves
from .faults import order_faults, record_faults, refuse_faults
from .query_sets import QuerySet, QuerySets
from .summary_rows import Key, SummaryRow, stated_classes, summary_faults

_ANY = (-math.inf, math.inf)
SUMMARY_ONLY = "the folder holds no records: shown as its summary says, neither checked nor ranked"

_TOLERANCE = 1e-6  # percent; records keep ten significant digits


@dataclass(frozen=True, eq=False)
class CheckedRow:
    """A checkpoint under an attribution whose summary follows from its records.

    Attributes:
        scores: rows of the summary by metric and aggregate, those of the checkpoint included; where there are
            records, with the intervals that these give, whatever the summary says.
        queries: None if the folder holds no records.
        values: by metric, (N,) float32, in the order of `queries`.
        note: what a reader must know about the row; may be empty.
    """

    checkpoint: str
    attribution: str
    scores: Mapping[tuple[str, str], SummaryRow]
    queries: QuerySet | None = None
    values: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    note: str = ""


def check_row(
    results: ResultFolder,
    checkpoint: str,
    attribution: str,
    scores: Mapping[tuple[str, str], SummaryRow],
    known: QuerySets,
    *,
    recorded: bool,
) -> CheckedRow:
    """Recompute the scores of a row from its records, and look at each of these."""
    _check_ranges(scores, results)
    if checkpoint != NO_CHECKPOINT and checkpoint not in results.checkpoints:
        raise RaybenchError(f"run.json does not describe checkpoint {checkpoint!r}")
    if not recorded:
        return CheckedRow(checkpoint, attribution, scores, note=SUMMARY_ONLY)
    path = results.files.records(checkpoint, attribution)
    refuse_outside(path, results.path)
    frame = read_records(path)
    frame.index += 2  # the line
    refuse_faults(path, order_faults(frame, ("image_id", "class_index")))
    expected = max((int(row["n"]) for row in scores.values() if not math.isnan(row["n"])), default=0)
    if len(frame) < expected:
        first = first_lost(results, path)
        raise RaybenchError(
            f"{path} has {len(frame)} records, but summary.csv counts {expected}; it was cut short"
            + (f": image {first!r} is missing" if first is not None else "")
        )
    facts = [
        facts_of(name, [results]) or Facts(name=name, aggregates=_means(scores, name), bounds=_ANY)
        for name in dict.fromkeys(metric for metric, _ in scores)
    ]
    missing = [one.name for one in facts if one.per_query and one.name not in frame]
    if missing:
        raise RaybenchError(f"{path} has no column {missing[0]}, which summary.csv reports")
    sums = read_lists(path.with_name(STATISTICS)) if any(one.of_set for one in facts) else None
    checked = _following(checkpoint, attribution, scores, summarise_row(frame, sums, facts))
    per_query = [one for one in facts if one.per_query]
    truth = shows_the_truth(str(results.attributions.get(attribution, {}).get("method")), results)
    refuse_faults(path, record_faults(frame, per_query, truth=truth, complete=False))
    refuse_other_curves(path, frame, per_query)
    values = {str(name): frame[name].to_numpy(np.float32) for name in frame if name not in RECORD_COLUMNS}
    return CheckedRow(checkpoint, attribution, checked, known.of(frame), values)


def _means(scores: Mapping[tuple[str, str], SummaryRow], name: str) -> tuple[Aggregate, ...]:
    """The means of a metric that nobody describes."""
    return tuple(cast(Aggregate, aggregate) for metric, aggregate in scores if metric == name)


def _following(
    checkpoint: str, attribution: str, scores: Mapping[tuple[str, str], SummaryRow], found: Sequence[Summary]
) -> dict[tuple[str, str], SummaryRow]:
    """Return rows of the summary with the intervals that follow; refuse numbers that do not."""
    rows = {(checkpoint, attribution, *key): {**row, "line": 0} for key, row in scores.items()}
    expected: dict[Key, Summary] = {
        (checkpoint, attribution, one.metric, one.aggregate): one for one in found
    }
    for _, message in summary_faults(rows, expected, intervals=False):
        raise RaybenchError(f"summary.csv: {message}: one of the two was changed")
    intervals: dict[tuple[str, str], SummaryRow] = {
        (one.metric, one.aggregate): {"ci_low": one.ci_low, "ci_high": one.ci_high} for one in found
    }
    return {key: {**row, **intervals.get(key, {})} for key, row in scores.items()}


def check_checkpoint(
    results: ResultFolder, checkpoint: str, scores: Mapping[tuple[str, str], SummaryRow], *, recorded: bool
) -> Mapping[tuple[str, str], SummaryRow]:
    """Recompute accuracy and F1 from the predictions; metrics that are unknown here stay as they are."""
    _check_ranges(scores, results)
    path = results.files.predictions(checkpoint)
    known = [facts_of(metric, [results]) for metric, _ in scores]
    metrics = [metric for metric in known if metric is not None]
    if not recorded or not metrics:
        return scores
    refuse_outside(path, results.path)
    predictions = read_predictions(path)
    refuse_faults(path, order_faults(predictions, ("image_id",)))
    n_classes = stated_classes(predictions, scores.values())
    found = summarise_predictions(predictions, metrics, n_classes=n_classes)
    return _following(checkpoint, "", scores, found)


def _check_ranges(scores: Mapping[tuple[str, str], SummaryRow], results: ResultFolder) -> None:
    for (metric, _), row in scores.items():
        known = facts_of(metric, [results])
        low, high = known.bounds if known else (0.0, 100.0)
        if row["value"] < low - _TOLERANCE or row["value"] > high + _TOLERANCE:
            raise RaybenchError(f"{metric} is {row['value']:.10g}, outside of {low:g} to {high:g}")
        if row["ci_low"] > row["ci_high"]:
            raise RaybenchError(f"the interval of {metric} runs from {row['ci_low']} to {row['ci_high']}")


def refuse_outside(path: Path, folder: Path) -> None:
    """Refuse a file that a link leads out of its folder."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RaybenchError(f"{path} is a link that leads out of the folder")
