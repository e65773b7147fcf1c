"""Compares records that were submitted with records measured anew, value by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from ...base import quoted
from .findings import Findings

__all__ = ["RELATIVE", "Agreement", "compare_predictions", "compare_records"]

RELATIVE = 1e-3
"""Values agree if they differ by at most this share of the larger one, or this many percentage points.

Another version of torch or another processor rounds sums in another order; that stays far below.
"""

_DRAWS = 3
"""Of a sampled metric, so many draws may fall on other pixels."""

NearTie = Callable[[str, int, int, int], bool]


@dataclass
class Agreement:
    """How far measured values agree with submitted ones.

    Attributes:
        images: measured.
        compared: values.
        identical: to the last digit.
        largest: difference between values that agree within the tolerance, in percentage points.
        ties: queries whose most salient pixel differs, since two pixels are as salient.
    """

    images: int = 0
    compared: int = 0
    identical: int = 0
    largest: float = 0.0
    ties: int = 0
    faults: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def fault(self, name: str, line: int, message: str) -> None:
        """Note a line on which the two disagree."""
        self.faults.setdefault(name, []).append((line, message))

    def worded(self) -> str:
        """Say in a few words how far the two agree."""
        if not self.compared:
            return "nothing could be compared"
        wrong = sum(map(len, self.faults.values()))
        near = self.compared - self.identical - self.ties - wrong
        words = f"{self.compared} values compared, {self.identical} identical to the last digit"
        if near > 0:
            words += f", {near} within the tolerance (largest difference {self.largest:.2g})"
        if self.ties:
            words += f", {self.ties} points at a pixel that is as salient"
        return words + f", {wrong} disagree"

    def report(self, findings: Findings) -> None:
        """Hand the faults over, file by file."""
        for name, found in self.faults.items():
            findings.lines(name, found)


def compare_records(
    name: str,
    given: pd.DataFrame,
    measured: pd.DataFrame,
    samples: Mapping[str, int | None],
    near_tie: NearTie,
    agreement: Agreement,
) -> None:
    """Compare the rows of the measured images.

    Args:
        name: of the file, for messages.
        given: submitted rows of these images, by line.
        measured: the same queries, measured anew.
        samples: draws of each metric, None for exact ones.
        near_tie: says whether, of the query (image id, class), the pixel (x, y) is as salient as any, within
            rounding.
        agreement: counts and faults.
    """
    anew = {(row["image_id"], row["class_index"]): row for _, row in measured.iterrows()}
    for line, row in given.iterrows():
        key = (row["image_id"], row["class_index"])
        number, query = int(str(line)), f"{quoted(key[0])} class {key[1]}"
        other = anew.pop(key, None)
        if other is None:
            agreement.fault(name, number, f"{query} is no query of the data")
            continue
        if (row["class_name"], row["status"]) != (other["class_name"], other["status"]):
            found = f"{quoted(row['class_name'])}, {row['status']}"
            agreement.fault(
                name, number, f"{query} is {found}; measured anew {other['class_name']}, {other['status']}"
            )
        excused = _compare_point(name, number, query, row, other, near_tie, agreement)
        for metric, draws in samples.items():
            if not (excused and metric == "pointing_game"):
                _compare_value(name, number, query, metric, row[metric], other[metric], draws, agreement)
    for image, index in anew:
        agreement.fault(name, 1, f"{quoted(image)} class {index} is missing; the data asks about it")


def _compare_point(
    name: str,
    line: int,
    query: str,
    row: pd.Series[str],
    other: pd.Series[str],
    near_tie: NearTie,
    agreement: Agreement,
) -> bool:
    """Compare the most salient pixel; say whether it may lie elsewhere, and with it the hit."""
    given, measured = (row["point_x"], row["point_y"]), (other["point_x"], other["point_y"])
    agreement.compared += 1
    if given == measured:
        agreement.identical += 1
        return False
    if near_tie(str(row["image_id"]), int(row["class_index"]), int(given[0]), int(given[1])):
        agreement.ties += 1
        return True
    agreement.fault(name, line, f"most salient pixel of {query} is {given}; measured anew {measured}")
    return False


def _compare_value(
    name: str,
    line: int,
    query: str,
    metric: str,
    given: float,
    measured: float,
    draws: int | None,
    agreement: Agreement,
) -> None:
    agreement.compared += 1
    if given == measured:
        agreement.identical += 1
        return
    difference = abs(given - measured)
    allowed = RELATIVE * max(1.0, abs(given), abs(measured)) if draws is None else 100 * _DRAWS / draws + 1e-9
    if metric == "pointing_game" or not difference <= allowed:
        agreement.fault(name, line, f"{metric} of {query} is {given:.10g}; measured anew {measured:.10g}")
        return
    agreement.largest = max(agreement.largest, difference)


def compare_predictions(name: str, given: pd.DataFrame, measured: pd.DataFrame, agreement: Agreement) -> None:
    """Compare the predictions for the measured images: classes present, the first of the top five.

    The other four of the top five and the positive classes may change places by rounding: one image may have
    one of them exchanged.
    """
    anew = measured.set_index("image_id")
    for line, row in given.iterrows():
        number, image = int(str(line)), row["image_id"]
        if image not in anew.index:
            agreement.fault(name, number, f"{quoted(image)} is no image of the data")
            continue
        for column in ("targets", "top5", "positives"):
            found, expected = row[column], anew.loc[image, column]
            agreement.compared += 1
            if found == expected:
                agreement.identical += 1
            elif column == "targets" or not _nearly(found.split(), expected.split(), column):
                agreement.fault(
                    name, number, f"{column} of {quoted(image)} are {found!r}; measured anew {expected!r}"
                )
    for image in sorted(set(anew.index) - set(given["image_id"])):
        agreement.fault(name, 1, f"{quoted(image)} is missing")


def _nearly(found: list[str], expected: list[str], column: str) -> bool:
    if column == "top5" and found[:1] != expected[:1]:
        return False
    return len(set(found) ^ set(expected)) <= (2 if column == "top5" else 1)
