"""What a measured value says of a published one; pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from ..statistics import Estimate
from ..tables import NO_REFERENCE, PublishedValue, Source

WIDEST = 2.0
"""Points of an interval's half-width up to which a sample can be consistent with a value."""

FEWEST = 10
"""Queries of a class, drawn, from which on a mean over classes of several each can be told."""

_ROUNDING = 1e-9  # so that a difference of 0.05 is one of 0.05


class Word(Enum):
    """Verdicts. The first three are of all images; the words for a sample are others on purpose."""

    EQUAL = "equal"
    CLOSE = "close"
    DIFFERS = "differs"
    AS_EXPECTED = "differs, as expected"
    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    TOO_FEW = "too few to tell"
    NO_REFERENCE = NO_REFERENCE
    VOID = "void"
    NOT_RUN = "not run"

    def __str__(self) -> str:
        """As it is printed."""
        return self.value


class Verdict(NamedTuple):
    """A word, and why where that is not plain."""

    word: Word
    reason: str = ""

    def __str__(self) -> str:
        """`void: these are other weights`."""
        return f"{self.word}: {self.reason}" if self.reason else str(self.word)


def tolerance_of(cell: PublishedValue, source: Source) -> float:
    """Return how far a value may be off for known reasons: the cell's own, the method's, the metric's."""
    if not math.isnan(cell.tolerance):
        return cell.tolerance
    if cell.attribution in source.by_attribution:
        return source.by_attribution[cell.attribution]
    known = [metric for metric in source.tolerances if cell.metric.startswith(metric)]
    return source.tolerances[max(known, key=len)] if known else 0.0


def reach(cell: PublishedValue) -> float:
    """Return how far a value may be from its printed one: half a digit, and the source's scatter."""
    return cell.printed / 2 + 3 * cell.spread


def judged_on_all(cell: PublishedValue, value: float, tolerance: float) -> Verdict:
    """Judge a value measured on all images: nothing was sampled, so no interval enters."""
    if cell.expected == NO_REFERENCE:
        return Verdict(Word.NO_REFERENCE)
    distance = abs(value - cell.value) - _ROUNDING
    if distance <= reach(cell):
        return Verdict(Word.EQUAL)
    if distance <= reach(cell) + tolerance:
        return Verdict(Word.CLOSE)
    kind, _, reason = cell.expected.partition(": ")
    return Verdict(Word.AS_EXPECTED, reason) if kind == "differs" else Verdict(Word.DIFFERS)


def judged_on_sample(cell: PublishedValue, found: Estimate, tolerance: float, *, fewest: int) -> Verdict:
    """Judge a value measured on a random sample.

    Args:
        cell: the published value.
        found: the value on the sample, with the interval of the value on all images.
        tolerance: as for all images.
        fewest: queries of the class with the fewest, where a mean over classes was drawn without regard to
            classes; else a number that is large enough.
    """
    if cell.expected == NO_REFERENCE:
        return Verdict(Word.NO_REFERENCE)
    if fewest < FEWEST:
        return Verdict(Word.TOO_FEW, f"a class has {fewest} queries in the sample; {FEWEST} are needed")
    if math.isnan(found.low):
        return Verdict(Word.TOO_FEW, "its interval is not known")
    around = reach(cell) + tolerance + _ROUNDING
    if found.high < cell.value - around or found.low > cell.value + around:
        kind, _, reason = cell.expected.partition(": ")
        return Verdict(Word.AS_EXPECTED, reason) if kind == "differs" else Verdict(Word.INCONSISTENT)
    half = (found.high - found.low) / 2
    if half > WIDEST:
        return Verdict(Word.TOO_FEW, f"known to ±{half:.1f} only")
    return Verdict(Word.CONSISTENT)


def contradicts(verdicts: Iterable[Verdict]) -> bool:
    """Say whether any measured value contradicts a published one."""
    return any(verdict.word in (Word.DIFFERS, Word.INCONSISTENT, Word.VOID) for verdict in verdicts)
