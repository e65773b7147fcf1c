"""From records to one number per metric, with its interval: the rows of summary.csv."""

from __future__ import annotations

import csv
import functools
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..statistics import Aggregate, Facts, Statistic, estimate, estimate_mean
from .files.folder import NO_CHECKPOINT, SUMMARY_COLUMNS, read_lists, read_predictions, read_records
from .files.lists import SUBSET_COLUMNS, read_integers
from .files.names import STATISTICS, ResultFiles
from .files.predictions import prediction_batches
from .files.writing import Content, write_whole

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """One row of `summary.csv`, without what all rows of a run share.

    Attributes:
        value: in percent; NaN if there is nothing to average.
        ci_low, ci_high: 95 % interval over images; NaN for fewer than two images.
        n: queries, or images for classification metrics, that the value is a mean of.
        n_classes: classes that the value covers: for a class mean the classes averaged, else those that a
            query or image asks about.
        degenerate: queries whose map was all zero, constant, cancelled or NaN; they are scored, not dropped.
    """

    metric: str
    aggregate: Aggregate
    value: float
    ci_low: float
    ci_high: float
    n: int
    n_classes: int
    degenerate: int


def summarise_records(records: pd.DataFrame, metrics: Sequence[Facts]) -> list[Summary]:
    """Aggregate the metrics with a value per query of one checkpoint and attribution.

    Args:
        records: one row per query: image_id, class_index, status and a column per metric, in percent. Order
            does not matter. Missing (NaN) values are left out of means and counts.
        metrics: what to aggregate; those of predictions and of the set are passed over.

    Returns:
        One summary per metric and aggregate, in the order in which the metrics give them.
    """
    images, _ = pd.factorize(records["image_id"].astype(str), sort=True)
    classes = records["class_index"].to_numpy(dtype=np.int64)
    order = np.lexsort((classes, images))
    degenerate = int((records["status"] != "ok").sum())
    found = []
    for metric in (metric for metric in metrics if metric.per_query):
        values = records[metric.name].to_numpy(np.float64)[order]
        there = ~np.isnan(values)
        shown = classes[order][there]
        for aggregate in metric.aggregates:
            groups = shown if aggregate == "class_mean" else None
            estimated = estimate_mean(values[there], images[order][there], groups, metric.bounds)
            found.append(
                Summary(metric.name, aggregate, *estimated, len(shown), len(np.unique(shown)), degenerate)
            )
    return found


def summarise_row(
    records: pd.DataFrame, sums: pd.DataFrame | None, metrics: Sequence[Facts]
) -> list[Summary]:
    """Aggregate all metrics of the maps of one checkpoint and attribution; `sums` for those of the set."""
    found = summarise_records(records, metrics)
    if sums is not None:
        degenerate = int((records["status"] != "ok").sum())
        found += summarise_sums(sums, metrics, degenerate=degenerate)
    return found


def summarise_sums(sums: pd.DataFrame, metrics: Sequence[Facts], *, degenerate: int) -> list[Summary]:
    """Compute the metrics that have a value for the whole set of one checkpoint and attribution.

    Args:
        sums: one row per query: image_id, class_index and a column of statistics per metric, as text. Order
            does not matter.
        metrics: what to compute; those that do not stand in statistics.csv are passed over.
        degenerate: queries whose map was degenerate.
    """
    chosen = [metric for metric in metrics if metric.of_set]
    sums = sums.assign(image_id=sums["image_id"].astype(str)).sort_values(["image_id", "class_index"])
    images, _ = pd.factorize(sums["image_id"])
    count, shown = int(images.max(initial=-1)) + 1, sums["class_index"].nunique()
    found = []
    for metric in chosen:
        rows = [read_integers(text) for text in sums[metric.name]]
        per_image = np.zeros((count, len(rows[0]) if rows else 0))
        np.add.at(per_image, images, np.array(rows, dtype=np.float64).reshape(len(rows), -1))
        estimated = estimate(Statistic(per_image, metric.compute, metric.bounds, metric.settled))
        found.append(Summary(metric.name, "whole_set", *estimated, len(sums), shown, degenerate))
    return found


def summarise_predictions(
    predictions: pd.DataFrame, metrics: Sequence[Facts], *, n_classes: int
) -> list[Summary]:
    """Aggregate the classification metrics of one checkpoint.

    Args:
        predictions: one row per image: image_id and, as space-separated class indices, targets, top5 (by
            descending logit) and positives. Order does not matter.
        metrics: what to aggregate; those of maps are passed over.
        n_classes: outputs of the checkpoint.

    Raises:
        RaybenchError: an image with an impossible class index, or, for accuracy, without exactly one target.
    """
    from scipy import sparse  # tables, which compute no value, start sooner without it

    chosen = [metric for metric in metrics if metric.of_predictions]
    predictions = predictions.assign(image_id=predictions["image_id"].astype(str)).sort_values("image_id")
    blocks: list[list[Any]] = [[] for _ in chosen]
    shown = np.zeros(n_classes, dtype=np.bool_)
    for batch in prediction_batches(predictions, n_classes):
        shown |= batch.targets.any(axis=0)
        for metric, block in zip(chosen, blocks, strict=True):
            block.append(sparse.csr_array(metric.of_images(batch)))
    return [
        Summary(
            metric.name,
            metric.aggregates[0],
            *estimate(Statistic(sparse.vstack(block, format="csr"), metric.compute, metric.bounds)),
            n=len(predictions),
            n_classes=n_classes if metric.aggregates[0] == "class_mean" else int(shown.sum()),
            degenerate=0,
        )
        for metric, block in zip(chosen, blocks, strict=True)
    ]


def write_summary(
    out: Path,
    manifest: Mapping[str, Any],
    metrics: Sequence[Facts],
    image_ids: Set[str],
    n_classes: int,
) -> Content:
    """Write `out`/summary.csv from the records and predictions below `out`, and say what it holds.

    Args:
        out: result folder.
        manifest: the run's; says which checkpoints and attributions to look for, in which order.
        metrics: of the suite.
        image_ids: images that count; a folder may hold more, measured with a higher `--limit`.
        n_classes: of the dataset.
    """
    found = []
    for checkpoint, attribution, path in _measured_files(out, manifest):
        if attribution:
            summaries = _of_row(path, metrics, lambda frame: _selected(frame, image_ids))
        else:
            frame = _selected(read_predictions(path), image_ids)
            summaries = summarise_predictions(frame, metrics, n_classes=n_classes)
        found.append((checkpoint, attribution, summaries))
    return write_whole(ResultFiles(out).summary, _worded(manifest, found))


def write_subset_summaries(
    out: Path, manifest: Mapping[str, Any], metrics: Sequence[Facts], image_ids: Set[str]
) -> None:
    """Write, for each subset that queries belong to, what `write_summary` writes, of its queries alone.

    Metrics of predictions are about images, and left out.
    """
    files = ResultFiles(out)
    if not files.subsets.is_file():
        return
    sorted_ = _selected(read_lists(files.subsets), image_ids)
    members: dict[str, set[tuple[str, int]]] = {}
    for image_id, class_index, names in sorted_[list(SUBSET_COLUMNS)].itertuples(index=False):
        for name in names.split():
            members.setdefault(name, set()).add((image_id, class_index))
    for name, queries in sorted(members.items()):
        choose = functools.partial(_among, pd.MultiIndex.from_tuples(sorted(queries)))
        found = [
            (checkpoint, attribution, _of_row(path, metrics, choose))
            for checkpoint, attribution, path in _measured_files(out, manifest)
            if attribution
        ]
        write_whole(files.summary_of(name), _worded(manifest, found))


def _of_row(
    path: Path, metrics: Sequence[Facts], choose: Callable[[pd.DataFrame], pd.DataFrame]
) -> list[Summary]:
    """Summarise one checkpoint and attribution, of the queries that `choose` leaves of a frame."""
    of_set = any(metric.of_set for metric in metrics)
    sums = choose(read_lists(path.with_name(STATISTICS))) if of_set else None
    return summarise_row(choose(read_records(path)), sums, metrics)


def _worded(manifest: Mapping[str, Any], found: Iterable[tuple[str, str, Sequence[Summary]]]) -> str:
    """Word the summaries of checkpoints and attributions as a summary.csv."""
    protocol = manifest["protocol"]
    head = (manifest["suite"]["name"], protocol["name"], protocol["id"], manifest["dataset"]["name"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    for checkpoint, attribution, summaries in found:
        for summary in summaries:
            writer.writerow((*head, checkpoint, attribution, *map(_text, astuple(summary))))
    return text.getvalue()


def _among(queries: pd.MultiIndex, frame: pd.DataFrame) -> pd.DataFrame:
    return frame[pd.MultiIndex.from_frame(frame[["image_id", "class_index"]]).isin(queries)]


def _measured_files(out: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, Path]]:
    """Yield checkpoint, attribution (empty for predictions) and file of what is there, in suite order."""
    attributions, files = [entry["name"] for entry in manifest["attributions"]], ResultFiles(out)
    for checkpoint in (*(entry["name"] for entry in manifest["checkpoints"]), NO_CHECKPOINT):
        candidates = [("", files.predictions(checkpoint))]
        candidates += [(name, files.records(checkpoint, name)) for name in attributions]
        yield from ((checkpoint, name, path) for name, path in candidates if path.is_file())


def _selected(frame: pd.DataFrame, image_ids: Set[str]) -> pd.DataFrame:
    return frame[frame["image_id"].isin(image_ids)]


def _text(value: object) -> str:
    """Write a value at full precision, NaN as nothing."""
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)
