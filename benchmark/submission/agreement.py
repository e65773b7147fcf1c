"""Judges submitted values against values measured again: each alone, and all of a column together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...base import quoted
from ..statistics import Facts
from .report import Findings

FALSE_ALARM = 1e-3
"""Chance that a bundle of honest rounding fails a test of its columns, for all columns together."""

_NOISE = 1e-6
"""Values that differ by a smaller share are equal: the order of a sum decides so much."""
_DRAWS = 3
"""Of a metric that draws, so many draws of a query may fall on other pixels."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Allowance:
    """What rounding may do.

    Attributes:
        words: when it does so.
        relative: of one value, as a share of it, and at least of a hundredth of what the metric spans.
        outcomes: share of queries or images whose outcome (hit, draw, predicted class) may be another one.
        shift: of a column's mean, as a share of what the metric spans.
        tie: two pixels, or logits, are as high as each other within this share.
    """

    words: str
    relative: float
    outcomes: float
    shift: float
    tie: float


SAME = Allowance("the same kind of processor and versions", 1e-5, 0.002, 1e-6, 1e-5)
OTHER = Allowance("another kind of processor, or other versions", 1e-3, 0.01, 1e-4, 1e-3)


@dataclass(frozen=True)
class Column:
    """The submitted and the measured values (n,) of one metric in one file."""

    file: str
    metric: Facts
    images: Sequence[str]
    classes: NDArray[np.int64]
    given: Floats
    measured: Floats

    @property
    def span(self) -> float:
        """What the metric spans; of an open one, its largest value."""
        low, high = self.metric.bounds
        return (
            high - low if math.isfinite(high - low) else max(1.0, float(np.abs(self.measured).max(initial=0)))
        )

    @property
    def is_outcome(self) -> bool:
        """Whether values jump instead of moving a little."""
        return bool(self.metric.outcomes or self.metric.step or self.metric.of_predictions)

    @property
    def differs(self) -> NDArray[np.bool_]:
        """(n,) where the two differ by more than the order of a sum."""
        scale = np.maximum(np.maximum(np.abs(self.given), np.abs(self.measured)), self.span / 100)
        return np.abs(self.given - self.measured) > _NOISE * scale

    def directions(self) -> tuple[int, int]:
        """Images whose values were submitted too high, and too low."""
        change = np.where(self.differs, self.given - self.measured, 0)
        _, place = np.unique(np.asarray(self.images), return_inverse=True)
        net = np.bincount(place, weights=change)
        return int((net > 0).sum()), int((net < 0).sum())

    def shifts(self) -> Iterator[tuple[str, float]]:
        """Each mean of the metric, and how far the submitted values shift it on these queries."""
        change = self.given - self.measured
        for aggregate in self.metric.aggregates:
            _, place, counts = np.unique(self.classes, return_inverse=True, return_counts=True)
            by_class = aggregate == "class_mean" and not self.metric.of_predictions
            yield (
                aggregate,
                float((np.bincount(place, weights=change) / counts).mean() if by_class else change.mean()),
            )


@dataclass
class Agreement:
    """How far measured values agree with submitted ones.

    Attributes:
        allowance: what may differ.
        images: measured.
        compared: values.
        identical: to the last digit.
        largest: difference between values that agree within the tolerance.
        ties: queries whose most salient pixel is another one that is as salient, and lists of predicted
            classes that are others whose logits are as high.
    """

    allowance: Allowance = OTHER
    images: int = 0
    compared: int = 0
    identical: int = 0
    largest: float = 0.0
    ties: int = 0
    columns: list[Column] = field(default_factory=list)
    outcomes: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def fault(self, name: str, line: int, message: str) -> None:
        """Note a line on which the two disagree."""
        self.faults.setdefault(name, []).append((line, message))

    def same(self, equal: bool) -> bool:
        """Count a comparison."""
        self.compared += 1
        self.identical += equal
        return equal

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
            words += f", {self.ties} points or classes at one that is as high"
        return words + f", {wrong} disagree"

    def together(self) -> list[str]:
        """Say what all deviations amount to, and what was allowed; this was `another kind of processor`."""
        if not self.columns:
            return []
        moving = [column for column in self.columns if not column.is_outcome]
        shift = max((abs(x) / one.span for one in moving for _, x in one.shifts()), default=0.0)
        up, down = np.sum([column.directions() for column in self.columns], axis=0)
        moved = max((k / n for k, n in self.outcomes.values() if n), default=0.0)
        allowed = self.allowance
        return [
            f"measured on {allowed.words}: a value may differ by {allowed.relative:g} of itself",
            f"largest shift of a mean {100 * shift:.2g} % of its range, allowed {100 * allowed.shift:g} %",
            f"deviations upwards {up}, downwards {down}, summed over columns; each column is tested",
            f"most outcomes exchanged in a file {100 * moved:.2g} %, allowed {100 * allowed.outcomes:g} %",
        ]

    def report(self, findings: Findings) -> None:
        """Hand the faults over, file by file, and judge the columns together."""
        for name, found in self.faults.items():
            findings.lines(name, found)
        level = FALSE_ALARM / max(1, len(self.columns) + len(self.outcomes))
        for column in self.columns:
            for message in _judged(column, self.allowance, level):
                findings.problem(column.file, message)
        for what, (changed, total) in self.outcomes.items():
            if _improbable(changed, total, self.allowance.outcomes, level):
                name, _, noun = what.partition("\n")
                findings.problem(
                    name,
                    f"{changed} of {total} {noun} are others than measured anew, though as high; about "
                    f" {100 * self.allowance.outcomes:g} % can be so by rounding",
                )


def _judged(column: Column, allowance: Allowance, level: float) -> Iterator[str]:
    """Say what is wrong with a column as a whole."""
    from scipy.stats import binomtest

    name = column.metric.name
    up, down = column.directions()
    if up + down and binomtest(up, up + down).pvalue < level:
        yield (
            f"{name}: of {up + down} images with a deviation {max(up, down)} deviate "
            f"{'up' if up > down else 'down'}wards; rounding goes either way"
        )
    if column.is_outcome:
        changed, total = int(column.differs.sum()), len(column.given)
        if _improbable(changed, total, allowance.outcomes, level):
            yield (
                f"{name}: {changed} of {total} outcomes are others than measured anew; about "
                f"{100 * allowance.outcomes:g} % can be so by rounding"
            )
        return
    for aggregate, shift in column.shifts():
        if abs(shift) > allowance.shift * column.span:
            yield (
                f"{name}: all deviations together shift the {aggregate.replace('_', ' ')} of the images "
                f"drawn by {shift:+.3g}; rounding shifts it by up to {allowance.shift * column.span:g}"
            )


def _improbable(changed: int, total: int, share: float, level: float) -> bool:
    """Say whether so many of a total are more than a share explains."""
    from scipy.stats import binom

    return changed > 0 and bool(binom.sf(changed - 1, total, share) < level)


AtPoint = Callable[[str, int, int, int], "dict[str, float] | None"]


def compare_records(
    name: str,
    given: pd.DataFrame,
    measured: pd.DataFrame,
    metrics: Sequence[Facts],
    at_point: AtPoint,
    agreement: Agreement,
) -> None:
    """Compare the rows of the measured images.

    Args:
        name: of the file, for messages.
        given: submitted rows of these images, by line.
        measured: the same queries, measured anew.
        metrics: those with a value per query.
        at_point: for a query (image id, class) and a pixel (x, y): the values that metrics of the most
            salient pixel have there, or None if that pixel is not as salient as any, within rounding.
        agreement: counts and faults.
    """
    anew = {(row["image_id"], row["class_index"]): row for row in measured.to_dict("records")}
    pairs = []
    moved = 0
    for line, row in zip(given.index, given.to_dict("records"), strict=True):
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
        pairs.append((row, other))
        points = [(int(one["point_x"]), int(one["point_y"])) for one in (row, other)]
        there = {} if agreement.same(points[0] == points[1]) else at_point(key[0], key[1], *points[0])
        if there is None:
            agreement.fault(
                name, number, f"most salient pixel of {query} is {points[0]}; measured anew {points[1]}"
            )
        elif points[0] != points[1]:
            moved += 1
        for metric in metrics:
            truth = (there or {}).get(metric.name, other[metric.name])
            _compare_value(name, number, query, metric, row[metric.name], truth, agreement)
    for image, index in anew:
        agreement.fault(name, 1, f"{quoted(image)} class {index} is missing; the data asks about it")
    agreement.ties += moved
    agreement.outcomes[f"{name}\npoints"] = (moved, len(pairs))
    for metric in metrics if pairs else ():
        both = np.array([[one[metric.name] for one in pair] for pair in pairs], dtype=np.float64)
        known_both = np.logical_not(np.isnan(both).any(axis=1))
        rows = [row for (row, _), here in zip(pairs, known_both.tolist(), strict=True) if here]
        classes = np.array([row["class_index"] for row in rows], dtype=np.int64)
        images = [row["image_id"] for row in rows]
        column = Column(name, metric, images, classes, both[known_both, 0], both[known_both, 1])
        agreement.columns += [column] if images else []  # baselines lack what only a network has


def _compare_value(
    name: str, line: int, query: str, metric: Facts, given: float, truth: float, agreement: Agreement
) -> None:
    """Compare one value with the tolerance of its kind: outcomes agree exactly, draws but for a few."""
    if agreement.same(given == truth or (math.isnan(given) and math.isnan(truth))):
        return
    low, high = metric.bounds
    least = (high - low) / 100 if math.isfinite(high - low) else 1.0
    allowed = agreement.allowance.relative * max(least, abs(given), abs(truth))
    if metric.step:
        allowed = _DRAWS * metric.step + 1e-9 if agreement.allowance is OTHER else allowed
    difference = abs(given - truth)
    if metric.outcomes or not difference <= allowed:
        agreement.fault(name, line, f"{metric.name} of {query} is {given:.10g}; measured anew {truth:.10g}")
        return
    agreement.largest = max(agreement.largest, difference)
