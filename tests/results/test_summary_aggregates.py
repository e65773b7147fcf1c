"""Aggregates: means over queries, classes and images, against loops written from their definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.summary import summarise_predictions, summarise_records

LOCALISATION = [
    METRICS.get(name) for name in ("pointing_game", "stochastic_pointing_game", "content_heatmap")
]
CLASSIFICATION = [METRICS.get(name) for name in ("top1_accuracy", "top5_accuracy")]


def records(rows: list[tuple[str, int, float]], status: str = "ok") -> pd.DataFrame:
    """Make records whose three metrics have the same value."""
    frame = pd.DataFrame(rows, columns=["image_id", "class_index", "pointing_game"])
    return frame.assign(
        status=status,
        stochastic_pointing_game=frame["pointing_game"],
        content_heatmap=frame["pointing_game"],
    )


def random_records(seed: int, queries: int = 60) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    pairs = sorted({(f"im{generator.integers(20)}", int(generator.integers(5))) for _ in range(queries)})
    return records([(image, label, float(generator.random() * 100)) for image, label in pairs])


def value_of(summaries, metric: str, aggregate: str) -> float:
    (found,) = [s for s in summaries if (s.metric, s.aggregate) == (metric, aggregate)]
    return found.value


def test_class_mean_weighs_classes_and_query_mean_weighs_queries():
    # class 0: 100, 0, 0, 0 -> 25; class 1: 100 -> 100; mean of classes 62.5, of queries 40
    frame = records([("a", 0, 100.0), ("b", 0, 0.0), ("c", 0, 0.0), ("d", 0, 0.0), ("d", 1, 100.0)])
    found = summarise_records(frame, LOCALISATION)
    assert value_of(found, "pointing_game", "class_mean") == 62.5
    assert value_of(found, "pointing_game", "query_mean") == 40
    assert [(s.metric, s.aggregate) for s in found][:2] == [
        ("pointing_game", "class_mean"),
        ("pointing_game", "query_mean"),
    ]
    assert {(s.n, s.n_classes, s.degenerate) for s in found} == {(5, 2, 0)}


@pytest.mark.parametrize("seed", range(3))
def test_class_mean_equals_pandas_groupby(seed):
    frame = random_records(seed)
    found = summarise_records(frame, LOCALISATION)
    expected = frame.groupby("class_index")["pointing_game"].mean().mean()
    assert value_of(found, "pointing_game", "class_mean") == pytest.approx(expected, rel=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False))
def test_order_of_rows_changes_no_bit(random):
    frame = random_records(11)
    order = list(range(len(frame)))
    random.shuffle(order)
    first = summarise_records(frame, LOCALISATION)
    assert summarise_records(frame.iloc[order], LOCALISATION) == first


def test_missing_values_are_left_out_and_not_counted():
    frame = records([("a", 0, 100.0), ("b", 1, math.nan), ("c", 0, 0.0)])
    found = summarise_records(frame, LOCALISATION)
    assert {(s.value, s.n, s.n_classes) for s in found} == {(50.0, 2, 1)}


def test_nothing_to_average_gives_no_value():
    for frame in (records([]), records([("a", 0, math.nan), ("b", 0, math.nan)])):
        for summary in summarise_records(frame, LOCALISATION):
            assert math.isnan(summary.value)
            assert math.isnan(summary.ci_low)
            assert summary.n == 0


def test_one_image_gives_a_value_but_no_interval():
    (summary, *_) = summarise_records(records([("a", 0, 100.0), ("a", 1, 0.0)]), LOCALISATION)
    assert summary.value == 50
    assert math.isnan(summary.ci_low)
    assert math.isnan(summary.ci_high)


def test_degenerate_counts_every_status_but_ok():
    frame = records([(str(number), 0, 1.0) for number in range(5)])
    frame["status"] = ["ok", "zero", "constant", "nan", "ok"]
    assert {s.degenerate for s in summarise_records(frame, LOCALISATION)} == {3}


def test_interval_of_hits_is_wilson_s():
    frame = records([(f"{number:04d}", 0, 100.0 * (number < 1960)) for number in range(2000)])
    (summary, *_) = summarise_records(frame, LOCALISATION)
    expected = stats.binomtest(1960, 2000).proportion_ci(0.95, method="wilson")
    assert [summary.ci_low, summary.ci_high] == pytest.approx([100 * end for end in expected], abs=0.002)


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_interval_of_nothing_but_hits_or_misses_is_not_empty(value):
    frame = records([(f"{number:02d}", number % 3, value) for number in range(30)])
    for summary in summarise_records(frame, LOCALISATION):
        reach = stats.t.ppf(0.975, 29) ** 2
        low = 100 * 30 / (30 + reach)
        expected = [low, 100] if value else [0, 100 - low]
        assert [summary.ci_low, summary.ci_high] == pytest.approx(expected)


def test_interval_of_a_mean_is_student_s_far_from_the_bounds():
    values = np.random.default_rng(1).normal(50, 3, 200)
    frame = records([(f"{number:04d}", 0, value) for number, value in enumerate(values)])
    (summary,) = summarise_records(frame, [METRICS.get("content_heatmap")])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert [summary.ci_low, summary.ci_high] == pytest.approx([*expected], abs=0.001)


def test_interval_of_accuracy_is_that_of_a_mean_of_hits():
    hits = np.random.default_rng(3).random(80) < 0.7
    frame = pd.DataFrame(
        {
            "image_id": [f"{number:02d}" for number in range(80)],
            "targets": "0",
            "top5": np.where(hits, "0 1 2 3 4", "1 0 2 3 4"),
            "positives": "",
        }
    )
    (top1, _) = summarise_predictions(frame, CLASSIFICATION, n_classes=6)
    expected = summarise_records(
        records([(str(number), 0, 100.0 * hit) for number, hit in enumerate(hits)]), LOCALISATION
    )[1]
    assert [top1.value, top1.ci_low, top1.ci_high] == pytest.approx(
        [expected.value, expected.ci_low, expected.ci_high], rel=1e-7
    )


def test_accuracy_of_a_hand_computed_case():
    frame = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "targets": ["3", "1", "2", "0"],
            "top5": ["3 0 1 2 4", "0 1 2 3 4", "0 1 3 4 2", "5 1 2 3 4"],
            "positives": [""] * 4,
        }
    )
    top1, top5 = summarise_predictions(frame, CLASSIFICATION, n_classes=6)
    assert (top1.value, top1.aggregate, top1.n, top1.n_classes) == (25, "image_mean", 4, 4)
    assert top5.value == 75


def test_predictions_of_no_image_give_no_value():
    frame = pd.DataFrame({"image_id": [], "targets": [], "top5": [], "positives": []}, dtype=str)
    for summary in summarise_predictions(frame, CLASSIFICATION, n_classes=6):
        assert math.isnan(summary.value)
