"""What two rows both measured: their common queries and images, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from ...base import RaybenchError
from ..results import RECORD_COLUMNS, facts_of, quoted_aggregate, read_predictions, read_records
from ..statistics import Aggregate, Facts
from .rows import MeasuredRow

_QUERY = ("image_id", "class_index")


def common_queries(a: MeasuredRow, b: MeasuredRow) -> tuple[pd.DataFrame, list[str]]:
    """Join the records of two rows, sorted by image and class; say which queries only one of them has.

    Returns:
        The common queries, with `<metric>_a` and `<metric>_b` for each metric that both have; and notes.

    Raises:
        RaybenchError: a file is missing or damaged, holds a query twice, or there is no common query.
    """
    first, second = read_records(a.records), read_records(b.records)
    metrics = [name for name in first if name not in RECORD_COLUMNS and name in second]
    joined = _join(a, b, first, second[[*_QUERY, *metrics]], _QUERY)
    notes = _left_out(a, b, "queries", len(first), len(second), len(joined))
    return joined, notes


def common_predictions(a: MeasuredRow, b: MeasuredRow) -> tuple[pd.DataFrame, pd.DataFrame, list[str]] | None:
    """Read the predictions of two rows' checkpoints for the images that both have, in the same order.

    Returns:
        The predictions of A and of B, and notes; None if there is nothing to compare, as for two rows of one
        checkpoint, or for methods that need no network.

    Raises:
        RaybenchError: a file is damaged or holds an image twice, or there is no common image.
    """
    if a.predictions == b.predictions or not (a.predictions.is_file() and b.predictions.is_file()):
        return None
    first, second = read_predictions(a.predictions), read_predictions(b.predictions)
    joined = _join(a, b, first[["image_id"]], second[["image_id"]], ("image_id",))
    notes = _left_out(a, b, "images with predictions", len(first), len(second), len(joined))
    one, other = (
        joined[["image_id"]].merge(frame, on="image_id", validate="one_to_one") for frame in (first, second)
    )
    return one, other, notes


def common_metrics(common: pd.DataFrame, row: MeasuredRow) -> dict[str, Aggregate]:
    """Name the metrics of joined records, each with the aggregate that the protocol quotes."""
    aggregates: dict[str, Aggregate] = {}
    for column in common:
        metric = str(column).removesuffix("_a")
        if column == metric or f"{metric}_b" not in common:
            continue
        known = [entry["aggregate"] for entry in row.run.rows if entry["metric"] == metric]
        quoted = quoted_aggregate(row.run, metric, known[0] if known else "query_mean")
        aggregates[metric] = cast(Aggregate, quoted)
    return aggregates


def classification_metrics(a: MeasuredRow, b: MeasuredRow) -> list[Facts]:
    """Name the metrics of predictions that the suites of both rows asked for, and that are installed."""
    asked = [name for name in a.run.metric_options if name in b.run.metric_options]
    found = []
    for name in asked:
        metric = facts_of(name, (a.run,))
        if metric is not None and metric.of_predictions:
            found.append(metric)
    return found


def finest_metric(common: pd.DataFrame, metrics: Sequence[str]) -> str:
    """Choose the first metric whose values are more than hit and miss; else the first; empty if none."""
    for metric in metrics:
        if len(np.unique(common[[f"{metric}_a", f"{metric}_b"]])) > 2:
            return metric
    return metrics[0] if metrics else ""


def most_different(common: pd.DataFrame, metric: str, images: int) -> pd.DataFrame:
    """List the images on which two rows differ most in a metric, each with the query on which they do.

    Returns:
        Up to `images` rows `image_id, class_index, class_name, value_a, value_b, difference` (B less A), by
        descending size of the difference, then by image id. Images on which the rows are equal are no news.
    """
    found = common[["image_id", "class_index", "class_name"]].assign(
        value_a=common[f"{metric}_a"], value_b=common[f"{metric}_b"]
    )
    found["difference"] = found["value_b"] - found["value_a"]
    found = found[found["difference"].abs() > 0]
    found = found.sort_values(["difference", *_QUERY], key=_by_size).drop_duplicates("image_id")
    return found.head(images).reset_index(drop=True)


def _by_size(column: pd.Series) -> pd.Series:
    """Sort differences by descending size, all else ascending."""
    return -column.abs() if column.name == "difference" else column


def _join(
    a: MeasuredRow, b: MeasuredRow, first: pd.DataFrame, second: pd.DataFrame, keys: Sequence[str]
) -> pd.DataFrame:
    """Join two frames on `keys`, each of which must stand once in either.

    Raises:
        RaybenchError: a key twice, or nothing in common.
    """
    for row, frame in ((a, first), (b, second)):
        twice = frame.duplicated(list(keys))
        if twice.any():
            image = frame["image_id"][twice].iloc[0]
            path = row.records.parent if "class_index" in keys else row.predictions
            raise RaybenchError(f"{path} holds image {image!r} twice; measure it anew with --fresh")
    joined = first.merge(second, on=list(keys), suffixes=("_a", "_b")).sort_values(list(keys))
    if joined.empty:
        raise RaybenchError(
            f"{a.records.parent} and {b.records.parent} have no {' and '.join(keys)} in common; "
            "measure both on the same images"
        )
    return joined.reset_index(drop=True)


def _left_out(a: MeasuredRow, b: MeasuredRow, noun: str, first: int, second: int, common: int) -> list[str]:
    """Say how much of either row the other lacks."""
    return [
        f"left out: {total - common:,} of {total:,} {noun} of {name} ({row}) that {other} lacks"
        for name, row, other, total in (("A", a, "B", first), ("B", b, "A", second))
        if total > common
    ]
