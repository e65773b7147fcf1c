"""Compares two rows, or all rows that two runs share, query by query."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...base import UnknownNameError
from ..results import Column, ResultFolder, column_for, stated_classes
from ..statistics import holm
from .common import (
    classification_metrics,
    common_metrics,
    common_predictions,
    common_queries,
    finest_metric,
    most_different,
)
from .contrast import Contrast, contrast_predictions, contrast_values
from .rows import MeasuredRow, find_rows, pair_rows, refuse_other_rules


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two folders have in common, B against A.

    Attributes:
        a, b: the folders, as they were given.
        metrics: a row per pair of rows and metric: `checkpoint_a, attribution_a, checkpoint_b,
            attribution_b, metric, aggregate, value_a, value_b, difference, ci_low, ci_high, p_value, images,
            queries, p_holm`. Values are in percent; `difference` is B less A in points, `p_holm` corrected
            for the number of rows of this frame by Holm's method. Accuracy and F1 belong to the checkpoints:
            the attributions are empty there.
        images: of each pair, the images on which its rows differ most in `metric`, each with the query on
            which they do: the four names, `image_id, class_index, class_name, value_a, value_b, difference`.
        metric: which one the images were chosen by; empty if there is none.
        notes: what a reader must know, a sentence each.
        runs: that the rows belong to.
    """

    a: str
    b: str
    metrics: pd.DataFrame
    images: pd.DataFrame
    metric: str
    notes: tuple[str, ...]
    runs: tuple[ResultFolder, ...] = ()

    def column(self, metric: str, aggregate: str = "") -> Column:
        """Return what the runs say of a metric."""
        return column_for(metric, aggregate, self.runs)


def compare(
    first: str | Path,
    second: str | Path,
    *,
    metric: str | None = None,
    images: int = 10,
) -> Comparison:
    """Compare two rows of results, or all rows that two runs share, on the queries that both measured.

    Args:
        first: A: the folder of a run, of a checkpoint in it, or of one row, such as `runs/mine` or
            `runs/mine/resnet18/grad_cam`.
        second: B, likewise.
        metric: by which to choose images; the first whose values are more than hit and miss if None.
        images: how many to list for each pair.

    Raises:
        RaybenchError: no results there, other rules or data, no pair of rows, or no common query.
        UnknownNameError: no such metric.
    """
    pairs = pair_rows(find_rows(first), find_rows(second))
    refuse_other_rules(pairs[0][0].run, pairs[0][1].run)
    listed, notes, chosen = [], dict[str, None](), metric or ""
    contrasts: list[dict[str, Any]] = []
    checkpoints: set[tuple[str, str]] = set()
    for a, b in pairs:
        common, left_out = common_queries(a, b)
        aggregates = common_metrics(common, a)
        if metric and metric not in aggregates:
            raise UnknownNameError("metric of both rows with a value per query", metric, aggregates)
        chosen = chosen or finest_metric(common, list(aggregates))
        if chosen in aggregates:
            listed.append(_named(most_different(common, chosen, images), a, b))
        notes |= dict.fromkeys(left_out)
        if (a.checkpoint, b.checkpoint) not in checkpoints:
            checkpoints.add((a.checkpoint, b.checkpoint))
            about_both, left_out = _checkpoint_contrasts(a, b)
            contrasts += [_names(a, b, of_checkpoints=True) | asdict(contrast) for contrast in about_both]
            notes |= dict.fromkeys(left_out)
        contrasts += [_names(a, b) | asdict(contrast) for contrast in contrast_values(common, aggregates)]
    frame = pd.DataFrame(contrasts)
    frame["p_holm"] = holm(frame["p_value"].to_numpy(np.float64))
    pictures = pd.concat(listed, ignore_index=True) if listed else pd.DataFrame()
    runs = (pairs[0][0].run, pairs[0][1].run)
    return Comparison(str(first), str(second), frame, pictures, chosen, tuple(notes), runs)


def _checkpoint_contrasts(a: MeasuredRow, b: MeasuredRow) -> tuple[list[Contrast], list[str]]:
    """Compare two rows in what does not depend on the attribution: accuracy and F1."""
    metrics, both = classification_metrics(a, b), common_predictions(a, b)
    if not metrics or both is None:
        return [], []
    first, second, notes = both
    stated = a.run.by_row.get((a.checkpoint, ""), {}).values()
    n_classes = max(stated_classes(frame, stated) for frame in (first, second))
    return contrast_predictions(first, second, metrics, n_classes=n_classes), notes


def _named(frame: pd.DataFrame, a: MeasuredRow, b: MeasuredRow) -> pd.DataFrame:
    names = _names(a, b)
    return frame.assign(**names)[[*names, *frame.columns]]


def _names(a: MeasuredRow, b: MeasuredRow, *, of_checkpoints: bool = False) -> dict[str, str]:
    return {
        "checkpoint_a": a.checkpoint,
        "attribution_a": "" if of_checkpoints else a.attribution,
        "checkpoint_b": b.checkpoint,
        "attribution_b": "" if of_checkpoints else b.attribution,
    }
