"""Intervals and places keep their word on made-up data, as `python -m perf.calibration` shows at length."""

from __future__ import annotations

import pytest

from perf.calibration import measure, misses

TRIALS = 400


@pytest.mark.parametrize("aggregate", ["class_mean", "query_mean"])
@pytest.mark.parametrize("kind", ["few queries a class", "few classes"])
def test_intervals_hold_the_truth_and_equal_rows_share_places(kind: str, aggregate: str) -> None:
    assert misses(measure(kind, "hits", aggregate, trials=TRIALS), TRIALS) == []
