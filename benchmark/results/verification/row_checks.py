"""Checks a row before it goes on the board: its summary must follow from its records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....base import RaybenchError
from ...statistics import Estimate, Facts, estimate_mean
from ..complete import first_lost
from ..facts import facts_of
from ..files.folder import NO_CHECKPOINT, ResultFolder, read_lists, read_predictions
from ..files.names import STATISTICS, ResultFiles
from ..summary import summarise_predictions, summarise_sums
from .reading import QuerySet, QuerySets, RowRecords, read_row_records

__all__ = [
    "SUMMARY_ONLY",
    "CheckedRow",
    "SummaryRow",
    "check_checkpoint",
    "check_row",
    "records_path",
    "refuse_outside",
]

SUMMARY_ONLY = "the folder holds no records: shown as its summary says, neither checked nor ranked"

_TOLERANCE = 1e-6  # percent; records keep ten significant digits
_MOST_CLASSES = 25_000  # bounds the memory that a class count in a stranger's summary can ask for

SummaryRow = Mapping[str, Any]


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
    """Recompute the localisation scores of a row from its records."""
    _check_ranges(scores, results)
    if checkpoint != NO_CHECKPOINT and checkpoint not in results.checkpoints:
        raise RaybenchError(f"run.json does not describe checkpoint {checkpoint!r}")
    if not recorded:
        return CheckedRow(checkpoint, attribution, scores, note=SUMMARY_ONLY)
    path = records_path(results.path, checkpoint, attribution)
    refuse_outside(path, results.path)
    records = read_row_records(path, known)
    expected = max((int(row["n"]) for row in scores.values() if not math.isnan(row["n"])), default=0)
    if len(records.queries) < expected:
        first = first_lost(results, path)
        raise RaybenchError(
            f"{path} has {len(records.queries)} records, but summary.csv counts {expected}; it was cut short"
            + (f": image {first!r} is missing" if first is not None else "")
        )
    found = {}
    for (metric, aggregate), row in scores.items():
        facts = facts_of(metric, [results])
        if facts is not None and facts.of_set:
            estimate = _check_set(facts, row, path.with_name(STATISTICS))
        else:
            bounds = facts.bounds if facts else (-math.inf, math.inf)
            estimate = _check_score(records, metric, aggregate, bounds, row, path)
        found[metric, aggregate] = {**row, "ci_low": estimate.low, "ci_high": estimate.high}
    values = {metric: column.astype(np.float32) for metric, column in records.values.items()}
    return CheckedRow(checkpoint, attribution, found, records.queries, values)


def _check_set(metric: Facts, row: SummaryRow, path: Path) -> Estimate:
    """Return the value of the whole set; refuse one that does not follow from the statistics."""
    (found,) = summarise_sums(read_lists(path), [metric], degenerate=0)
    if not _equal(found.value, float(row["value"])) or found.n != int(row["n"]):
        raise RaybenchError(
            f"{path} gives {metric.name} = {found.value:.10g} for {found.n} queries, but summary.csv says "
            f"{row['value']:.10g} for {row['n']:.0f}: one of the two was changed"
        )
    return Estimate(found.value, found.ci_low, found.ci_high)


def _check_score(
    records: RowRecords,
    metric: str,
    aggregate: str,
    bounds: tuple[float, float],
    row: SummaryRow,
    path: Path,
) -> Estimate:
    """Return what the records give; refuse a summary row that does not follow from them."""
    if metric not in records.values:
        raise RaybenchError(f"{path} has no column {metric}, which summary.csv reports")
    values = records.values[metric]
    there = ~np.isnan(values)
    ids, classes = records.queries.image_ids[there], records.queries.class_index[there]
    images = np.cumsum(np.r_[False, ids[1:] != ids[:-1]][: len(ids)])  # those of an image stand together
    found = estimate_mean(values[there], images, classes if aggregate == "class_mean" else None, bounds)
    facts = {
        "value": found.value,
        "n": float(there.sum()),
        "degenerate": float(records.degenerate.sum()),
    }
    for key, ours in facts.items():
        if not _equal(ours, float(row[key])):
            place = f"{metric}, {aggregate}" if key == "value" else metric
            raise RaybenchError(
                f"{path} gives {key} = {ours:.10g} for {place}, but summary.csv says {row[key]:.10g}: "
                "one of the two was changed"
            )
    return found


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
    counts = [row["n_classes"] for (_, mean), row in scores.items() if mean == "class_mean"]
    predictions = read_predictions(path)
    n_classes = int(max(counts, default=0)) or _outputs(predictions["targets"], predictions["top5"])
    if n_classes > _MOST_CLASSES:
        raise RaybenchError(f"{path} asks for {n_classes} classes; at most {_MOST_CLASSES} can be checked")
    checked = dict(scores)
    for found in summarise_predictions(predictions, metrics, n_classes=n_classes):
        claimed = scores.get((found.metric, found.aggregate))
        if not claimed:
            continue
        if not _equal(found.value, float(claimed["value"])):
            raise RaybenchError(
                f"{path} gives {found.metric} = {found.value:.10g}, but summary.csv says "
                f"{claimed['value']:.10g}: one of the two was changed"
            )
        key = (found.metric, found.aggregate)
        checked[key] = {**claimed, "ci_low": found.ci_low, "ci_high": found.ci_high}
    return checked


def _outputs(*columns: Any) -> int:
    """Return the smallest number of classes that the class indices in some columns of text allow."""
    words = {word for column in columns for word in set(" ".join(column).split())}
    return 1 + max((int(word) for word in words if word.isdecimal() and len(word) < 9), default=0)


def _check_ranges(scores: Mapping[tuple[str, str], SummaryRow], results: ResultFolder) -> None:
    """Refuse values that a metric cannot take."""
    for (metric, _), row in scores.items():
        known = facts_of(metric, [results])
        low, high = known.bounds if known else (0.0, 100.0)
        if row["value"] < low - _TOLERANCE or row["value"] > high + _TOLERANCE:
            raise RaybenchError(f"{metric} is {row['value']:.10g}, outside of {low:g} to {high:g}")
        if row["ci_low"] > row["ci_high"]:
            raise RaybenchError(f"the interval of {metric} runs from {row['ci_low']} to {row['ci_high']}")


def _equal(first: float, second: float) -> bool:
    return (math.isnan(first) and math.isnan(second)) or abs(first - second) <= _TOLERANCE


def records_path(folder: Path, checkpoint: str, attribution: str) -> Path:
    """Return where the records of a row are."""
    return ResultFiles(folder).records(checkpoint, attribution)


def refuse_outside(path: Path, folder: Path) -> None:
    """Refuse a file that a link leads out of its folder."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RaybenchError(f"{path} is a link that leads out of the folder")
