"""Checks the predictions of one checkpoint: lists of class indices that a network could have given."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ...base import quoted
from ..results import PREDICTION_COLUMNS
from .findings import Findings
from .reading import read_csv
from .records_check import check_ids

__all__ = ["read_predictions_strictly"]

_LIST = re.compile(r"(?:(?:0|[1-9][0-9]{0,6})(?: (?!$)|$))*")


def read_predictions_strictly(
    folder: Path,
    name: str,
    *,
    n_classes: int | None,
    multilabel: bool | None,
    ranked: bool,
    findings: Findings,
) -> pd.DataFrame | None:
    """Read and check a predictions.csv.

    Args:
        folder: the submission's.
        name: of the file.
        n_classes: outputs of the network, or None if unknown.
        multilabel: whether an image may hold several classes, or None if unknown.
        ranked: whether a metric asks for the five highest logits.
        findings: where faults are noted.

    Returns:
        All columns as text, by line; None if a value is of a wrong type.
    """
    texts = read_csv(folder, name, PREDICTION_COLUMNS, findings)
    if texts is None:
        return None
    check_ids(texts, name, ("image_id",), findings)
    usable = not findings.wrong(name)
    for column in PREDICTION_COLUMNS[1:]:
        usable &= _each(texts[column], name, column, _is_list, "class indices with spaces between", findings)
    if not usable:
        findings.problem(name, "nothing was computed from this file, since values are of a wrong type")
        return None
    twice = texts.duplicated("image_id")
    findings.lines(
        name,
        [
            (int(line), f"image {quoted(image)} is there twice; expected each image once")
            for line, image in texts.loc[twice, "image_id"].items()
        ],
    )
    ids = list(texts["image_id"])
    wrong = next((row for row in range(1, len(ids)) if ids[row] < ids[row - 1]), None)
    if wrong is not None:
        findings.problem(name, "rows are not in ascending order of image id", line=int(texts.index[wrong]))
    limit = n_classes if n_classes is not None else 10_000_000
    few = min(5, limit) if ranked else 0
    sizes = (few,) if n_classes is not None or not ranked else (1, 2, 3, 4, 5)
    tests: tuple[tuple[str, Callable[[list[int]], bool], str], ...] = (
        ("targets", lambda found: _ascending(found, limit), "different classes in ascending order"),
        ("targets", lambda found: multilabel is not False or len(found) == 1, "exactly one class"),
        ("top5", lambda found: _different(found, limit) and len(found) in sizes, f"{few} different classes"),
        ("positives", lambda found: _ascending(found, limit), "different classes in ascending order"),
    )
    below = f" below {limit}" if n_classes is not None else ""
    for column, test, expected in tests:
        verdict = {text: test(_indices(text)) for text in texts[column].unique()}
        _each(texts[column], name, column, verdict.__getitem__, expected + below, findings)
    return texts


def _each(
    texts: pd.Series[str],
    name: str,
    column: str,
    test: Callable[[str], bool],
    expected: str,
    findings: Findings,
) -> bool:
    """Note each line whose text fails a test; say whether none did."""
    verdict = {text: test(text) for text in texts.unique()}
    faults = [
        (int(str(line)), f"{column} is {quoted(text)}; expected {expected}")
        for line, text in texts.items()
        if not verdict[text]
    ]
    findings.lines(name, faults)
    return not faults


def _is_list(text: str) -> bool:
    return _LIST.fullmatch(text) is not None


def _indices(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def _different(found: list[int], limit: int) -> bool:
    return len(set(found)) == len(found) and all(index < limit for index in found)


def _ascending(found: list[int], limit: int) -> bool:
    return _different(found, limit) and found == sorted(found)
