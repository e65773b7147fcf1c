"""What is known of a metric wherever its numbers go: written into results, read by tables and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...base import RaybenchError
from .predictions import PredictionBatch
from .rules import RULES

Aggregate = Literal["class_mean", "query_mean", "image_mean", "whole_set"]
AGGREGATE_WORDS: Mapping[str, str] = {
    "class_mean": "mean over classes",
    "query_mean": "mean over queries",
    "image_mean": "mean over images",
    "whole_set": "over the whole set",
}
"""In words, by the name in summary.csv; published numbers do not always say theirs."""

Kind = Literal["localisation", "map", "network", "explanation", "set", "classification"]
Unit = Literal["percent", "probability", "correlation", "ratio", "none"]
Where = Literal["", "own", "near"]
Group = Literal["localisation", "faithfulness", "sanity", "robustness", "complexity", "accuracy"]
CurveValue = Literal["area", "mean", "last"]
GROUPS: tuple[Group, ...] = (
    "accuracy",
    "localisation",
    "faithfulness",
    "sanity",
    "robustness",
    "complexity",
)
"""In the order in which tables show them."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The facts of a metric.

    Attributes:
        name: what suites call it, and the column of its values.
        kind: what it reads. `localisation`: the final map and the region; `map`: the final map; `network`:
            map, input and network; `explanation`: the method, run again; `set`: map and region, with a value
            for the whole set alone; `classification`: predictions.
        label: heading in tables.
        title: whole name.
        words: one sentence on what it tells.
        aggregates: how values become one number, the one to quote first.
        higher_is_better: None where no value is better than another.
        bounds: smallest and largest value; may be infinite.
        unit: of its values.
        group: the heading that it stands under.
        chance: value of a uniform map, where it has one value.
        perfect: value of the ground truth itself, where it has one value.
        rule: how sums of statistics become values, for metrics of a set or of predictions; see `rule`.
        curve: what the x axis of its curve is, for metrics that keep one.
        curve_value: what of the curve is the value: the `area` below it by trapezoids over an axis of length
            1, the `mean` of its points, or the `last` one.
        curve_ends: percentages at the first and the last point.
        curve_in_ratios: whether the points between lie in equal ratios, and not in equal steps.
        judges_point: whether a value above 50 says that the most salient pixel hits, and one below that it
            misses.
        outcomes: the only values that a query may have; empty if all within the bounds are possible.
        step: what the values of queries are multiples of; 0 if of nothing.
        may_lack: whether a query may have no value, where it is not defined.
        alarm_above: a row whose whole interval lies above it fails, and carries the words of `alarm` wherever
            it is shown; infinite where nothing fails.
        alarm: what such a method does, such as `survives randomisation`.
        where: for metrics of how much of a map lies in a region, or whether its most salient pixel does: the
            object's `own` pixels, or also those `near` it, within the tolerance.
    """

    name: str
    kind: Kind = "localisation"
    label: str = ""
    title: str = ""
    words: str = ""
    aggregates: tuple[Aggregate, ...] = ("query_mean",)
    higher_is_better: bool | None = True
    bounds: tuple[float, float] = (0.0, 100.0)
    unit: Unit = "percent"
    group: Group = "localisation"
    chance: float | None = None
    perfect: float | None = None
    rule: str = ""
    curve: str = ""
    curve_value: CurveValue = "area"
    curve_ends: tuple[float, float] = (0.0, 100.0)
    curve_in_ratios: bool = False
    judges_point: bool = False
    outcomes: tuple[float, ...] = ()
    step: float = 0.0
    where: Where = ""
    may_lack: bool = False
    alarm_above: float = inf
    alarm: str = ""

    @property
    def per_query(self) -> bool:
        """Whether each query has a value: a column of records.csv."""
        return self.kind in ("localisation", "map", "network", "explanation")

    @property
    def of_set(self) -> bool:
        """Whether only the whole set has a value, computed from statistics.csv."""
        return self.kind == "set"

    @property
    def of_predictions(self) -> bool:
        """Whether it is about the checkpoint's predictions, not about maps."""
        return self.kind == "classification"

    @property
    def may_be_missing(self) -> bool:
        """Whether a row without its value is in order."""
        return self.may_lack or self.asks_network

    @property
    def asks_network(self) -> bool:
        """Whether it runs the network or the method again, so that maps without a network have no value."""
        return self.kind in ("network", "explanation")

    def compute(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn sums (..., K) of a metric of a set or of predictions into values (...), by its rule."""
        return RULES.get(self.rule).compute(sums)

    def settled(self, sums: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Return `compute` with what its rule chooses by the sums chosen at `sums` (K,)."""
        rule = RULES.get(self.rule)
        return rule.settled(sums) if rule.settled else rule.compute

    def of_images(self, batch: PredictionBatch) -> NDArray[np.float64]:
        """Statistics (B, K) of predictions, for a metric of predictions."""
        read = RULES.get(self.rule).of_predictions
        if read is None:
            raise RaybenchError(
                f"metric {self.name!r} names the rule {self.rule!r}, which reads no predictions"
            )
        return read(batch)

    def of_curve(self, points: Sequence[float]) -> float:
        """Value of a query with a curve of two points or more."""
        if self.curve_value == "last":
            return points[-1]
        if self.curve_value == "mean":
            return sum(points) / len(points)
        return (sum(points) - (points[0] + points[-1]) / 2) / (len(points) - 1)

    def curve_axis(self, count: int) -> NDArray[np.float64]:
        """Percentages at which the `count` points of a curve stand: (count,)."""
        spaced = np.geomspace if self.curve_in_ratios else np.linspace
        return spaced(*self.curve_ends, count)

    def allows(self, value: float) -> bool:
        """Whether a value lies within the bounds, but for the rounding of a sum."""
        low, high = self.bounds
        slack = 1e-6 * max(abs(bound) for bound in (low, high, 1.0) if abs(bound) != inf)
        return low - slack <= value <= high + slack

    def described(self) -> dict[str, Any]:
        """Return the facts as JSON can hold them; an open bound is null."""
        known = {field.name: getattr(self, field.name) for field in fields(Facts)}
        return known | {
            "aggregates": list(self.aggregates),
            "outcomes": list(self.outcomes),
            "curve_ends": list(self.curve_ends),
            "bounds": [None if abs(bound) == inf else bound for bound in self.bounds],
            "alarm_above": None if self.alarm_above == inf else self.alarm_above,
        }

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> Facts:
        """Return the facts that `described` wrote; keys that are not facts are passed over."""
        known = {
            key: value for key, value in described.items() if key in {field.name for field in fields(cls)}
        }
        if "bounds" in known:
            low, high = known["bounds"]
            known["bounds"] = (-inf if low is None else float(low), inf if high is None else float(high))
        if known.get("alarm_above", 0) is None:
            del known["alarm_above"]
        if "aggregates" in known:
            known["aggregates"] = tuple(known["aggregates"])
        for name in ("outcomes", "curve_ends"):
            if name in known:
                known[name] = tuple(map(float, known[name]))
        return Facts(**known)
