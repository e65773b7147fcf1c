"""Whether the values of queries follow from their curves, which can be told without the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ....base import RaybenchError
from ...statistics import Facts
from ..files.folder import read_lists
from ..files.lists import read_numbers
from ..files.names import CURVES

_SLACK = 1e-6


def refuse_other_curves(path: Path, records: pd.DataFrame, metrics: Sequence[Facts]) -> None:
    """Raise `RaybenchError` for the first value that is not the one of its curve.

    Args:
        path: of a records.csv, beside which a curves.csv lies if metrics keep curves.
        records: its rows, from `read_records`.
        metrics: of its columns.
    """
    keeping = [metric for metric in metrics if metric.curve]
    curves = path.with_name(CURVES)
    if not keeping or not curves.is_file():
        return
    both = records.merge(read_lists(curves), on=["image_id", "class_index"], suffixes=("", " curve"))
    for metric in (metric for metric in keeping if f"{metric.name} curve" in both):
        for image_id, class_index, value, text in both[
            ["image_id", "class_index", metric.name, f"{metric.name} curve"]
        ].itertuples(index=False):
            try:
                found = metric.of_curve(read_numbers(text)) if text else float("nan")
            except (ValueError, IndexError, ZeroDivisionError):
                raise RaybenchError(
                    f"{curves}: the curve of {metric.name} (image {image_id!r}, class {class_index}) is no "
                    "list of numbers"
                ) from None
            if value == value and not abs(found - value) <= _SLACK * max(1.0, abs(value)):
                raise RaybenchError(
                    f"{path}: {metric.name} is {value:g} (image {image_id!r}, class {class_index}), but its "
                    f"curve in {CURVES} gives {found:g}; one of the two was changed"
                )
