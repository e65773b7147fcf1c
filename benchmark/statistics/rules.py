"""How sums of statistics become values: the rules that metrics of a set and of predictions name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...base import Registry
from .predictions import PredictionBatch

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """Turns sums of statistics into values.

    Attributes:
        compute: sums (..., K) over any images or queries to values (...); batches, processes and resamples
            then agree by construction.
        of_predictions: predictions of B images to statistics (B, K), for rules whose statistics can be read
            from predictions.csv.
        settled: for rules that choose something by the sums: from sums (K,) to the rule with its choices as
            they are there, whose derivative is that of the rule.
    """

    name: str
    compute: Callable[[Floats], Floats]
    of_predictions: Callable[[PredictionBatch], Floats] | None = None
    settled: Callable[[Floats], Callable[[Floats], Floats]] | None = None


RULES: Registry[Rule] = Registry("rule", "raybench.rules")


def rule(
    name: str,
    *,
    of_predictions: Callable[[PredictionBatch], Floats] | None = None,
    settled: Callable[[Floats], Callable[[Floats], Floats]] | None = None,
) -> Callable[[Callable[[Floats], Floats]], Callable[[Floats], Floats]]:
    """Register `function(sums (..., K) float64) -> values (...)` as the rule `name`.

    Rules are NumPy alone: whoever reads results computes with them, and loads no network library.
    """

    def register(compute: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
        RULES.add(Rule(name, compute, of_predictions, settled))
        return compute

    return register
