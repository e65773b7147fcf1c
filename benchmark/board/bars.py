"""The small bars beside the numbers: where a value and its interval lie on the scale of their column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..results import Score

_STEPS = (1, 2, 5, 10, 20, 50, 100)


class Bar(NamedTuple):
    """Places on a bar from 0 to 100, rounded for print; the interval is empty where it is unknown."""

    point: float
    low: float
    high: float


@dataclass(frozen=True)
class Scale:
    """The scale of a column, from `low` to `high`, in its unit."""

    low: float
    high: float

    @classmethod
    def around(cls, scores: Sequence[Score]) -> Scale:
        """Return a round scale that holds all values and intervals; 0 to 100 if there are none."""
        ends = [
            end
            for score in scores
            for end in (score.value, score.low, score.high, score.published)
            if not math.isnan(end)
        ]
        if not ends:
            return cls(0, 100)
        unit = 1 if max(map(abs, ends)) > 1 else 0.01
        steps = [unit * step for step in _STEPS]
        step = next((step for step in steps if 6 * step >= max(ends) - min(ends)), steps[-1])
        low, high = step * math.floor(min(ends) / step), step * math.ceil(max(ends) / step)
        return cls(low, high if high > low else low + step)

    def bar(self, score: Score) -> Bar:
        """Place a score; what lies outside of the scale is drawn at its end."""
        low, high = (score.value if math.isnan(end) else end for end in (score.low, score.high))
        return Bar(*(self._place(value) for value in (score.value, low, high)))

    def _place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 1)
