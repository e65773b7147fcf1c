"""Intervals and places keep their word on made-up data, as `python -m perf.calibration` shows at length."""

from __future__ import annotations

import pytest

from perf.calibration import measure, misses

TRIALS = 400


@pytest.mark.parametrize("aggregate", ["class_mean", "query_mean"])
@pytest.mark.parametrize("kind", ["few queries a class", "few classes"])
def test_intervals_hold_the_truth_and_equal_rows_share_places(kind: str, aggregate: str) -> None:
    found = measure(kind, "hits", aggregate, trials=TRIALS, before=False)["after"]
    assert misses(found, TRIALS) == []


def test_the_bootstrap_was_too_sure_of_classes_with_few_queries() -> None:
    found = measure("few queries a class", "hits", "class_mean", trials=TRIALS)
    assert misses(found["before"], TRIALS)
