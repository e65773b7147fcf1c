"""Whether summary.csv says what records and predictions say, number by number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ....base import quoted
from ..files.layout import predictions_file, records_file
from ..summary import Summary
from .faults import Faults

AGREE = 1e-9
"""Relative difference between sums of the same numbers in another version of numpy or scipy."""

Key = tuple[str, str, str, str]
"""Checkpoint, attribution (empty for predictions), metric and aggregate."""

SummaryRow = Mapping[str, Any]

_NUMBERS = ("value", "n", "n_classes", "degenerate")
_MOST_CLASSES = 25_000  # bounds the memory that a class count in a stranger's summary can ask for


def keyed(frame: pd.DataFrame) -> tuple[dict[Key, SummaryRow], Faults]:
    """Return the rows of a summary by what they are, each with its `line`, and those that are there twice."""
    rows: dict[Key, SummaryRow] = {}
    faults: Faults = []
    for line, row in zip(frame.index, frame.to_dict("records"), strict=True):
        key = (row["checkpoint"], row["attribution"], row["metric"], row["aggregate"])
        if key in rows:
            faults.append((int(line), f"{worded_key(key)} is there twice"))
        rows.setdefault(key, {**{str(name): value for name, value in row.items()}, "line": int(line)})
    return rows, faults


def summary_faults(
    rows: Mapping[Key, SummaryRow], expected: Mapping[Key, Summary], *, intervals: bool
) -> Faults:
    """Note each number that is not what the records give; `intervals` too, if these were computed."""
    numbers = (*_NUMBERS, "ci_low", "ci_high") if intervals else _NUMBERS
    return [
        (
            row["line"],
            f"{column} of {worded_key(key)} is {quoted(_text(column, row[column]))}; {source_of(key)} gives "
            f"{_text(column, getattr(expected[key], column)) or 'nothing'}",
        )
        for key, row in rows.items()
        if key in expected
        for column in numbers
        if not _agree(row[column], getattr(expected[key], column))
    ]


def stated_classes(predictions: pd.DataFrame, rows: Iterable[SummaryRow]) -> int:
    """Number of outputs of a checkpoint: as its rows of the summary say, but as many as predictions name."""
    texts = " ".join(predictions[["targets", "top5", "positives"]].to_numpy().ravel())
    shown = max((int(word) for word in set(texts.split()) if word.isdecimal() and len(word) < 9), default=0)
    stated = [
        int(row["n_classes"])
        for row in rows
        if row["aggregate"] == "class_mean" and row["n_classes"] < math.inf
    ]
    return min(max(shown + 1, *stated, 1), _MOST_CLASSES)


def source_of(key: Key) -> str:
    """Name the file that a row of the summary follows from."""
    return records_file(*key[:2]) if key[1] else predictions_file(key[0])


def worded_key(key: Key) -> str:
    """Say which row of the summary it is."""
    checkpoint, attribution, metric, aggregate = (quoted(word)[1:-1] for word in key)
    return f"{checkpoint}{f'/{attribution}' if attribution else ''}, {metric} ({aggregate})"


def _agree(given: float, number: float) -> bool:
    both = math.isnan(given) and math.isnan(number)
    return both or math.isclose(given, number, rel_tol=AGREE, abs_tol=AGREE)


def _text(column: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return repr(float(value)) if column in ("value", "ci_low", "ci_high") else f"{value:.0f}"
