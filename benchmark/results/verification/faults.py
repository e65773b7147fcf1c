"""What must hold of the rows of records and predictions, whoever reads them: each fault with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....base import RaybenchError, quoted
from ...statistics import Facts
from ..files.rows import STATUSES

Faults = list[tuple[int, str]]
"""One kind of fault: the lines that have it, from 1, and what is wrong there."""

Bools = NDArray[np.bool_]

_SLACK = 1e-6
"""Percentage points by which rounding may break an inequality."""
_MOST_ID = 255
_BAD_ID = r"[\x00-\x1f\x7f<>]"
_LIST = re.compile(r"(?:(?:0|[1-9][0-9]{0,6})(?: (?!$)|$))*")


def record_faults(
    frame: pd.DataFrame,
    metrics: Sequence[Facts],
    classes: Sequence[str] | None = None,
    *,
    middle: bool = False,
    truth: bool = False,
    complete: bool = True,
) -> Iterator[Faults]:
    """Yield what is wrong with the rows of a records.csv.

    Args:
        frame: from `read_records`; its index is the line.
        metrics: what is known of its columns.
        classes: names of the classes, by index; None if nobody but the submitter knows them.
        middle: whether its maps are the middle pixel alone.
        truth: whether its maps are the ground truth itself.
        complete: whether all values have to be there, but for metrics that may lack some, and ids are to be
            plain: strangers' results, not one's own.
    """
    if complete:
        yield from _id_faults(frame, ("image_id", "class_name"))
    yield _where(frame, ~frame["status"].isin(STATUSES), "status", f"one of {', '.join(STATUSES)}")
    for column in ("class_index", "point_x", "point_y"):
        yield _where(frame, frame[column] < 0, column, "a whole number from 0")
    yield from order_faults(frame, ("image_id", "class_index"))
    yield _class_faults(frame, classes)
    sound = frame["status"] == "ok"
    off = frame[~sound & ((frame["point_x"] != 0) | (frame["point_y"] != 0))]
    yield [
        (int(line), f"point is ({x}, {y}); expected (0, 0), since the map is {status}")
        for line, x, y, status in off[["point_x", "point_y", "status"]].itertuples()
    ]
    for metric in metrics:
        if complete and not metric.may_be_missing:
            yield _where(frame, frame[metric.name].isna(), metric.name, "a number")
        yield from _value_faults(frame, metric)
        if metric.where and middle:
            yield _where(
                frame, ~frame[metric.name].isin(metric.bounds), metric.name, "0 or 100 for a single pixel"
            )
        if truth and metric.perfect is not None:
            below = sound & frame[metric.name].notna() & (frame[metric.name] != metric.perfect)
            yield _where(frame, below, metric.name, f"{metric.perfect:g} for the ground truth itself")
    for one, other in combinations([metric for metric in metrics if metric.where and not metric.step], 2):
        yield _pair_faults(frame, one, other)


def _value_faults(frame: pd.DataFrame, metric: Facts) -> Iterator[Faults]:
    """Values that a metric cannot have."""
    values = frame[metric.name]
    (low, high), inside = metric.bounds, values.map(metric.allows)
    yield _where(frame, ~inside & values.notna(), metric.name, f"{low:g} to {high:g}")
    if metric.outcomes:
        listed = " or ".join(f"{value:g}" for value in metric.outcomes)
        yield _where(frame, inside & ~values.isin(metric.outcomes) & values.notna(), metric.name, listed)
    if metric.step:
        uneven = (values - (values / metric.step).round() * metric.step).abs() > _SLACK * 100
        yield _where(frame, uneven, metric.name, f"a multiple of {metric.step:g}")


def _pair_faults(frame: pd.DataFrame, one: Facts, other: Facts) -> Faults:
    """The region near the object holds the object; a map wholly inside or outside says where its peak is."""
    if one.judges_point == other.judges_point:
        if one.judges_point or one.where == other.where:
            return []
        inner, outer = (one, other) if one.where == "own" else (other, one)
        wrong, words = frame[inner.name] > frame[outer.name] + _SLACK, "lies above {} {:g}; it cannot"
    else:
        inner, outer = (one, other) if one.judges_point else (other, one)
        if inner.where != outer.where:
            return []
        low, high = outer.bounds
        hit, share = frame[inner.name], frame[outer.name]
        wrong, words = (
            ((hit == high) & (share == low)) | ((hit == low) & (share >= high)),
            "contradicts {} {:g}",
        )
    return [
        (int(line), f"{inner.name} {first:g} {words.format(outer.name, second)}")
        for line, first, second in frame.loc[wrong, [inner.name, outer.name]].itertuples()
    ]


def _class_faults(frame: pd.DataFrame, classes: Sequence[str] | None) -> Faults:
    """The name of each class is that of its index."""
    pairs = frame[["class_index", "class_name"]].drop_duplicates()
    faults: Faults = []
    first: dict[int, str] = {}
    for line, index, name in pairs.itertuples():
        if classes is not None and index >= len(classes):
            faults.append((line, f"class_index is {index}; expected below {len(classes)}"))
            continue
        expected = classes[index] if classes is not None else first.setdefault(index, name)
        if name != expected:
            faults.append(
                (line, f"class_name is {quoted(name)}; expected {quoted(expected)} for class {index}")
            )
    return faults


def refuse_faults(path: Path, found: Iterable[Faults]) -> None:
    """Raise `RaybenchError` for the first line that has a fault."""
    for faults in found:
        for line, message in faults:
            raise RaybenchError(f"{path}, line {line}: {message}")


def order_faults(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[Faults]:
    """Each query or image once, in ascending order, as merged files are."""
    twice, once = frame.duplicated(list(columns)), "query once" if len(columns) > 1 else "image once"
    yield [
        (
            int(line),
            f"image {quoted(image)}{f', class {rest[0]}' if rest else ''} is there twice; expected "
            f"each {once}",
        )
        for line, image, *rest in frame.loc[twice, list(columns)].itertuples()
    ]
    keys = list(frame[list(columns)].itertuples(index=False, name=None))
    words = " and ".join(column.replace("_", " ") for column in columns)
    wrong = next((row for row in range(1, len(keys)) if keys[row] < keys[row - 1]), None)
    if wrong is not None:
        yield [(int(frame.index[wrong]), f"rows are not in ascending order of {words}")]
    if not keys:
        yield [(1, "it holds no row")]


def prediction_faults(
    frame: pd.DataFrame, n_classes: int | None, *, several: bool | None, ranked: bool
) -> Iterator[Faults]:
    """Yield what is wrong with the rows of a predictions.csv.

    Args:
        frame: from `read_predictions`; its index is the line.
        n_classes: outputs of the network, or None if unknown.
        several: whether an image may hold several classes, or None if unknown.
        ranked: whether a metric asks for the five highest logits.
    """
    yield from _id_faults(frame, ("image_id",))
    columns = ("targets", "top5", "positives")
    lists = [_texts(frame, name, _is_list, "class indices with spaces between") for name in columns]
    yield from lists
    if any(lists):
        return
    yield from order_faults(frame, ("image_id",))
    limit = n_classes if n_classes is not None else 10_000_000
    few = min(5, limit) if ranked else 0
    sizes = (few,) if n_classes is not None or not ranked else (1, 2, 3, 4, 5)
    below = f" below {limit}" if n_classes is not None else ""

    def different(text: str) -> bool:
        found = _indices(text)
        return len(set(found)) == len(found) and all(index < limit for index in found)

    def ascending(text: str) -> bool:
        return different(text) and _indices(text) == sorted(_indices(text))

    for name in ("targets", "positives"):
        yield _texts(frame, name, ascending, f"different classes in ascending order{below}")
    if several is False:
        yield _texts(frame, "targets", lambda text: len(text.split()) == 1, "exactly one class")
    fits = lambda text: different(text) and len(text.split()) in sizes  # noqa: E731
    yield _texts(frame, "top5", fits, f"{few} different classes{below}")


def _id_faults(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[Faults]:
    """Ids that are empty, long, or hold markup or control characters."""
    for column in columns:
        texts = frame[column]
        odd = texts.str.contains(_BAD_ID, regex=True) | (texts == "") | (texts.str.len() > _MOST_ID)
        yield _where(frame, odd, column, f"1 to {_MOST_ID} characters without < > and control characters")


def _where(frame: pd.DataFrame, wrong: pd.Series[bool], column: str, expected: str) -> Faults:
    """Note each line where a column is wrong, with what was found there."""
    return [
        (int(str(line)), f"{column} is {_found(value)}; expected {expected}")
        for line, value in frame.loc[wrong.to_numpy(dtype=bool), column].items()
    ]


def _found(value: object) -> str:
    return quoted("" if value != value else format(value, ".10g") if isinstance(value, float) else value)


def _texts(frame: pd.DataFrame, column: str, test: Callable[[str], bool], expected: str) -> Faults:
    verdict = {text: not test(text) for text in frame[column].unique()}
    return _where(frame, frame[column].map(verdict).astype(bool), column, expected)


def _is_list(text: str) -> bool:
    return _LIST.fullmatch(text) is not None


def _indices(text: str) -> list[int]:
    return [int(word) for word in text.split()]
