"""From records to one number per metric, with its interval: the rows of summary.csv."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..statistics import Aggregate, Facts, Statistic, bootstrap
from .files.folder import NO_CHECKPOINT, SUMMARY_COLUMNS, read_lists, read_predictions, read_records
from .files.lists import read_integers
from .files.predictions import prediction_batches
from .files.rows import write_atomically

__all__ = ["Summary", "summarise_predictions", "summarise_records", "summarise_sums", "write_summary"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Summary:
    """One row of `summary.csv`, without what all rows of a run share.

    Attributes:
        value: in percent; NaN if there is nothing to average.
        ci_low, ci_high: 95 % percentile bootstrap interval over images; NaN for fewer than two images.
        n: queries, or images for classification metrics, that the value is a mean of.
        n_classes: classes that the value covers: for a class mean the classes averaged, else those that a
            query or image asks about.
        degenerate: queries whose map was all zero, constant or NaN; they are scored, not dropped.
    """

    metric: str
    aggregate: Aggregate
    value: float
    ci_low: float
    ci_high: float
    n: int
    n_classes: int
    degenerate: int


def summarise_records(
    records: pd.DataFrame, metrics: Sequence[Facts], *, seed: int, draws: int = 1000
) -> list[Summary]:
    """Aggregate the metrics with a value per query of one checkpoint and attribution.

    Args:
        records: one row per query: image_id, class_index, status and a column per metric, in percent. Order
            does not matter. Missing (NaN) values are left out of means and counts.
        metrics: what to aggregate; those of predictions and of the set are passed over.
        seed: of the bootstrap. The same images under the same seed are resampled alike, so that checkpoints
            and methods can be compared draw by draw.
        draws: number of bootstrap resamples of the images; 0 for no intervals.

    Returns:
        One summary per metric and aggregate, in the order in which the metrics give them.
    """
    images, _ = pd.factorize(records["image_id"].astype(str), sort=True)
    classes = records["class_index"].to_numpy(dtype=np.int64)
    order = np.lexsort((classes, images))
    rows: list[tuple[str, Aggregate, int, int]] = []
    statistics = []
    for metric in (metric for metric in metrics if metric.per_query):
        values = records[metric.name].to_numpy(np.float64)[order]
        there = ~np.isnan(values)
        n, n_classes = int(there.sum()), len(np.unique(classes[order][there]))
        for aggregate in metric.aggregates:
            groups = classes[order] if aggregate == "class_mean" else np.zeros_like(classes)
            per_image = _sums_and_counts(values, there, images[order], groups)
            statistics.append(Statistic(per_image, _mean_of_means))
            rows.append((metric.name, aggregate, n, n_classes))
    estimates = bootstrap(statistics, seed=seed, draws=draws)
    degenerate = int((records["status"] != "ok").sum())
    return [
        Summary(metric, aggregate, *estimate, n, n_classes, degenerate)
        for (metric, aggregate, n, n_classes), estimate in zip(rows, estimates, strict=True)
    ]


def summarise_sums(
    sums: pd.DataFrame, metrics: Sequence[Facts], *, degenerate: int, seed: int, draws: int = 1000
) -> list[Summary]:
    """Compute the metrics that have a value for the whole set of one checkpoint and attribution.

    Args:
        sums: one row per query: image_id, class_index and a column of statistics per metric, as text. Order
            does not matter.
        metrics: what to compute; those that do not stand in statistics.csv are passed over.
        degenerate: queries whose map was degenerate.
        seed: of the bootstrap.
        draws: number of bootstrap resamples of the images; 0 for no intervals.
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
        (estimate,) = bootstrap([Statistic(per_image, metric.compute)], seed=seed, draws=draws)
        found.append(Summary(metric.name, "whole_set", *estimate, len(sums), shown, degenerate))
    return found


def summarise_predictions(
    predictions: pd.DataFrame, metrics: Sequence[Facts], *, n_classes: int, seed: int, draws: int = 1000
) -> list[Summary]:
    """Aggregate the classification metrics of one checkpoint.

    Args:
        predictions: one row per image: image_id and, as space-separated class indices, targets, top5 (by
            descending logit) and positives. Order does not matter.
        metrics: what to aggregate; those of maps are passed over.
        n_classes: outputs of the checkpoint.
        seed: of the bootstrap.
        draws: number of bootstrap resamples of the images; 0 for no intervals.

    Raises:
        RaybenchError: an image with an impossible class index, or, for accuracy, without exactly one target.
    """
    from scipy import sparse  # as in `bootstrap`

    chosen = [metric for metric in metrics if metric.of_predictions]
    predictions = predictions.assign(image_id=predictions["image_id"].astype(str)).sort_values("image_id")
    blocks: list[list[Any]] = [[] for _ in chosen]
    shown = np.zeros(n_classes, dtype=np.bool_)
    for batch in prediction_batches(predictions, n_classes):
        shown |= batch.targets.any(axis=0)
        for metric, block in zip(chosen, blocks, strict=True):
            block.append(sparse.csr_array(metric.of_images(batch)))
    statistics = [
        Statistic(sparse.vstack(block, format="csr"), metric.compute)
        for metric, block in zip(chosen, blocks, strict=True)
    ]
    estimates = bootstrap(statistics, seed=seed, draws=draws)
    return [
        Summary(
            metric.name,
            metric.aggregates[0],
            *estimate,
            n=len(predictions),
            n_classes=n_classes if metric.aggregates[0] == "class_mean" else int(shown.sum()),
            degenerate=0,
        )
        for metric, estimate in zip(chosen, estimates, strict=True)
    ]


def write_summary(
    out: Path,
    manifest: Mapping[str, Any],
    metrics: Sequence[Facts],
    image_ids: Set[str],
    n_classes: int,
) -> None:
    """Write `out`/summary.csv from the records and predictions below `out`.

    Args:
        out: result folder.
        manifest: the run's; says which checkpoints and attributions to look for, in which order.
        metrics: of the suite.
        image_ids: images that count; a folder may hold more, measured with a higher `--limit`.
        n_classes: of the dataset.
    """
    plain, seed = metrics, manifest["seed"]
    protocol = manifest["protocol"]
    head = (manifest["suite"]["name"], protocol["name"], protocol["id"], manifest["dataset"]["name"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    for checkpoint, attribution, path in _measured_files(out, manifest):
        if attribution:
            frame = _selected(read_records(path), image_ids)
            summaries = summarise_records(frame, plain, seed=seed)
            if any(metric.of_set for metric in plain):
                sums = _selected(read_lists(path.with_name("statistics.csv")), image_ids)
                degenerate = int((frame["status"] != "ok").sum())
                summaries += summarise_sums(sums, plain, degenerate=degenerate, seed=seed)
        else:
            frame = _selected(read_predictions(path), image_ids)
            summaries = summarise_predictions(frame, plain, n_classes=n_classes, seed=seed)
        for summary in summaries:
            writer.writerow((*head, checkpoint, attribution, *map(_text, astuple(summary))))
    write_atomically(out / "summary.csv", text.getvalue())


def _measured_files(out: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, Path]]:
    """Yield checkpoint, attribution (empty for predictions) and file of what is there, in suite order."""
    attributions = [entry["name"] for entry in manifest["attributions"]]
    for checkpoint in (*(entry["name"] for entry in manifest["checkpoints"]), NO_CHECKPOINT):
        folder = out / checkpoint
        candidates = [("", folder / "predictions.csv")]
        candidates += [(name, folder / name / "records.csv") for name in attributions]
        yield from ((checkpoint, name, path) for name, path in candidates if path.is_file())


def _selected(frame: pd.DataFrame, image_ids: Set[str]) -> pd.DataFrame:
    return frame[frame["image_id"].isin(image_ids)]


def _text(value: object) -> str:
    """Write a value at full precision, NaN as nothing."""
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return str(value)


def _sums_and_counts(values: Floats, there: NDArray[np.bool_], images: Integers, groups: Integers) -> Any:
    """Add up values (N,) per image and group: sparse (images, 2 G), the sums of each group, then the counts.

    Args:
        values: one per query.
        there: (N,), False for values that are missing.
        images: (N,), index of the query's image.
        groups: (N,), what to average over first: the query's class, or one group for all.
    """
    from scipy import sparse  # as in `bootstrap`

    present, columns = np.unique(groups[there], return_inverse=True)
    width = max(1, len(present))
    data = np.concatenate((values[there], np.ones(there.sum())))
    rows = np.tile(images[there], 2)
    columns = np.concatenate((columns, columns + width))
    return sparse.csr_array((data, (rows, columns)), shape=(int(images.max(initial=-1)) + 1, 2 * width))


def _mean_of_means(totals: Floats) -> Floats:
    """Turn (..., 2 G) sums, then counts, of G groups into the mean over groups that are not empty: (...)."""
    sums, counts = np.split(totals, 2, axis=-1)
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    groups = (counts > 0).sum(axis=-1)
    nothing = np.full(groups.shape, np.nan)
    mean: Floats = np.divide(means.sum(axis=-1), groups, out=nothing, where=groups > 0)
    return mean
