"""Checks the records of one row: columns, types, ranges, and what must hold between values of a query."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...attributions import Attribution
from ...base import quoted
from ...checkpoints import ClassList
from ..metrics import BoundMetric
from ..results import RECORD_COLUMNS, STATUSES
from .findings import Findings
from .reading import read_csv

__all__ = ["check_ids", "read_records_strictly"]

Bools = NDArray[np.bool_]

SLACK = 1e-6
"""Percentage points by which rounding may break an inequality."""

_INTEGERS = ("class_index", "point_x", "point_y")
_INTEGER = r"(?:0|[1-9][0-9]{0,8})"
_BAD_ID = r"[\x00-\x1f\x7f<>]"
MOST_ID = 255


def read_records_strictly(
    folder: Path,
    name: str,
    metrics: Sequence[BoundMetric],
    attribution: Attribution | None,
    classes: ClassList | None,
    findings: Findings,
) -> pd.DataFrame | None:
    """Read and check a records.csv.

    Returns:
        Its rows with numbers as numbers, by line; None if a value is of a wrong type, so that nothing can be
        computed from the file.
    """
    columns = (*RECORD_COLUMNS, *(metric.metric.name for metric in metrics))
    texts = read_csv(folder, name, columns, findings)
    if texts is None:
        return None
    check_ids(texts, name, ("image_id", "class_name"), findings)
    _note(name, texts, ~texts["status"].isin(STATUSES), "status", f"one of {', '.join(STATUSES)}", findings)
    frame = texts.copy()
    usable = not findings.wrong(name)
    for column in columns[len(RECORD_COLUMNS) :]:
        frame[column], written = _floats(texts[column])
        _note(name, texts, ~written, column, "a number as raybench writes it", findings)
        usable &= bool(written.all())
    for column in _INTEGERS:
        written = texts[column].str.fullmatch(_INTEGER).to_numpy(dtype=bool)
        _note(name, texts, ~written, column, "a whole number from 0", findings)
        usable &= bool(written.all())
        if written.all():
            frame[column] = texts[column].astype(np.int64)
    if not usable:
        findings.problem(name, "nothing was computed from this file, since values are of a wrong type")
        return None
    _check_order(frame, name, findings)
    _check_classes(frame, name, classes, findings)
    _check_values(frame, texts, name, metrics, attribution, findings)
    return frame


def check_ids(texts: pd.DataFrame, name: str, columns: Sequence[str], findings: Findings) -> None:
    """Note ids that are empty, long, or hold markup or control characters."""
    for column in columns:
        odd = texts[column].str.contains(_BAD_ID, regex=True) | (texts[column] == "")
        odd |= texts[column].str.len() > MOST_ID
        expected = f"1 to {MOST_ID} characters without < > and control characters"
        _note(name, texts, odd, column, expected, findings)


def _note(
    name: str,
    texts: pd.DataFrame,
    wrong: pd.Series[bool] | Bools,
    column: str,
    expected: str,
    findings: Findings,
) -> None:
    """Note each line where a column is wrong, with what was found there."""
    faulty = np.asarray(wrong, dtype=bool)
    if not faulty.any():
        return
    rows = texts.loc[faulty, column]
    findings.lines(
        name,
        [(int(line), f"{column} is {quoted(text)}; expected {expected}") for line, text in rows.items()],
    )


def _floats(texts: pd.Series[str]) -> tuple[pd.Series[float], Bools]:
    """Parse numbers; also say which are written as raybench writes them, with ten significant digits."""
    values: dict[str, float] = {}
    for text in texts.unique():
        try:
            value = float(text)
        except ValueError:
            continue
        if np.isfinite(value) and format(value, ".10g") == text:
            values[text] = value
    numbers = texts.map(values).astype(np.float64)
    return numbers, numbers.notna().to_numpy(dtype=bool)


def _check_order(frame: pd.DataFrame, name: str, findings: Findings) -> None:
    """Each query once, in ascending order of image id and class index, as merged records are."""
    twice = frame.duplicated(["image_id", "class_index"])
    findings.lines(
        name,
        [
            (int(line), f"image {quoted(image)}, class {number} is there twice; expected each query once")
            for line, image, number in zip(
                frame.index[twice], frame["image_id"][twice], frame["class_index"][twice], strict=True
            )
        ],
    )
    keys = list(zip(frame["image_id"], frame["class_index"], strict=True))
    wrong = next((row for row in range(1, len(keys)) if keys[row] < keys[row - 1]), None)
    if wrong is not None:
        findings.problem(
            name, "rows are not in ascending order of image id and class index", line=int(frame.index[wrong])
        )
    if not keys:
        findings.problem(name, "it holds no query")


def _check_classes(frame: pd.DataFrame, name: str, classes: ClassList | None, findings: Findings) -> None:
    """The name of each class is that of its index."""
    pairs = frame[["class_index", "class_name"]].drop_duplicates()
    faults = []
    first: dict[int, str] = {}
    for line, (index, class_name) in zip(pairs.index, pairs.itertuples(index=False), strict=True):
        if classes is not None and index >= len(classes):
            faults.append((int(line), f"class_index is {index}; expected below {len(classes)}"))
            continue
        expected = classes.ids[index] if classes is not None else first.setdefault(index, class_name)
        if class_name != expected:
            faults.append(
                (
                    int(line),
                    f"class_name is {quoted(class_name)}; expected {quoted(expected)} for class {index}",
                )
            )
    findings.lines(name, faults)


def _check_values(
    frame: pd.DataFrame,
    texts: pd.DataFrame,
    name: str,
    metrics: Sequence[BoundMetric],
    attribution: Attribution | None,
    findings: Findings,
) -> None:
    """Ranges of single values, and what must hold between those of one query."""
    for metric in metrics:
        column, (low, high) = metric.metric.name, metric.metric.bounds
        outside = (frame[column] < low - SLACK) | (frame[column] > high + SLACK)
        _note(name, texts, outside, column, f"{low:g} to {high:g}", findings)
    have = {metric.metric.name: metric for metric in metrics}
    if "pointing_game" in have:
        neither = ~frame["pointing_game"].isin((0.0, 100.0)) & frame["pointing_game"].between(0, 100)
        _note(name, texts, neither, "pointing_game", "0 or 100", findings)
    degenerate = frame["status"] != "ok"
    off = degenerate & ((frame["point_x"] != 0) | (frame["point_y"] != 0))
    findings.lines(
        name,
        [
            (int(line), f"point is ({x}, {y}); expected (0, 0), since the map is {status}")
            for line, x, y, status in frame.loc[off, ["point_x", "point_y", "status"]].itertuples()
        ],
    )
    spg = have.get("stochastic_pointing_game")
    samples = spg.options.get("samples") if spg else None
    if samples:
        hits = frame["stochastic_pointing_game"] * samples / 100
        uneven = (hits - hits.round()).abs() > 1e-4
        _note(name, texts, uneven, "stochastic_pointing_game", f"a multiple of 100/{samples}", findings)
    else:
        _compare(frame, name, have.keys(), findings)
    if attribution is not None:
        _check_free_method(frame, texts, name, attribution, have.keys(), findings)


def _compare(frame: pd.DataFrame, name: str, have: Set[str], findings: Findings) -> None:
    """The dilated region holds the region; a map wholly inside or outside says where its peak is."""
    if "stochastic_pointing_game" not in have:
        return
    spg = frame["stochastic_pointing_game"]
    if "content_heatmap" in have:
        ch = frame["content_heatmap"]
        above = ch > spg + SLACK
        pairs = zip(frame.index[above], ch[above], spg[above], strict=True)
        message = "content_heatmap {:g} lies above stochastic_pointing_game {:g}; it cannot"
        findings.lines(name, [(int(line), message.format(*values)) for line, *values in pairs])
    if "pointing_game" in have:
        pg = frame["pointing_game"]
        odd = ((pg == 100) & (spg == 0)) | ((pg == 0) & (spg >= 100))
        pairs = zip(frame.index[odd], pg[odd], spg[odd], strict=True)
        message = "pointing_game {:g} contradicts stochastic_pointing_game {:g}"
        findings.lines(name, [(int(line), message.format(*values)) for line, *values in pairs])


def _check_free_method(
    frame: pd.DataFrame,
    texts: pd.DataFrame,
    name: str,
    attribution: Attribution,
    have: Set[str],
    findings: Findings,
) -> None:
    """What is certain about methods that need no network."""
    for column in sorted(have & {"pointing_game", "stochastic_pointing_game", "content_heatmap"}):
        if attribution.name == "center":
            neither = ~frame[column].isin((0.0, 100.0))
            _note(name, texts, neither, column, "0 or 100 for a single pixel", findings)
        if attribution.name == "box_oracle":
            below = (frame["status"] == "ok") & (frame[column] != 100)
            _note(name, texts, below, column, "100 for the ground truth itself", findings)
