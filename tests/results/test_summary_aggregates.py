"""Aggregates: means over queries, classes and images, against loops written from their definition."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    found = summarise_records(frame, LOCALISATION, seed=0, draws=0)
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
    found = summarise_records(frame, LOCALISATION, seed=0, draws=0)
    expected = frame.groupby("class_index")["pointing_game"].mean().mean()
    assert value_of(found, "pointing_game", "class_mean") == pytest.approx(expected, rel=1e-12)


def test_bootstrap_moves_all_queries_of_an_image_together():
    frame = random_records(7)
    draws, seed = 40, 3
    (_, mean, *_) = summarise_records(frame, LOCALISATION, seed=seed, draws=draws)
    (by_class, *_) = summarise_records(frame, LOCALISATION, seed=seed, draws=draws)
    images = sorted(frame["image_id"].unique())
    generator = np.random.default_rng(seed)
    means, class_means = [], []
    for _ in range(draws):  # a slow second implementation: copy the rows of each drawn image
        drawn = [images[index] for index in generator.integers(0, len(images), size=len(images))]
        sample = pd.concat([frame[frame["image_id"] == image] for image in drawn])
        means.append(sample["pointing_game"].mean())
        class_means.append(sample.groupby("class_index")["pointing_game"].mean().mean())
    assert [mean.ci_low, mean.ci_high] == pytest.approx(np.percentile(means, [2.5, 97.5]), rel=1e-12)
    expected = np.percentile(class_means, [2.5, 97.5])
    assert [by_class.ci_low, by_class.ci_high] == pytest.approx(expected, rel=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False))
def test_order_of_rows_changes_no_bit(random):
    frame = random_records(11)
    order = list(range(len(frame)))
    random.shuffle(order)
    first = summarise_records(frame, LOCALISATION, seed=0, draws=50)
    assert summarise_records(frame.iloc[order], LOCALISATION, seed=0, draws=50) == first


def test_same_seed_gives_the_same_interval_and_another_seed_another():
    frame = random_records(5)
    first, again = (summarise_records(frame, LOCALISATION, seed=1, draws=200) for _ in range(2))
    other = summarise_records(frame, LOCALISATION, seed=2, draws=200)
    assert first == again
    assert [s.value for s in first] == [s.value for s in other]
    assert [s.ci_low for s in first] != [s.ci_low for s in other]


def test_missing_values_are_left_out_and_not_counted():
    frame = records([("a", 0, 100.0), ("b", 1, math.nan), ("c", 0, 0.0)])
    found = summarise_records(frame, LOCALISATION, seed=0, draws=10)
    assert {(s.value, s.n, s.n_classes) for s in found} == {(50.0, 2, 1)}


def test_nothing_to_average_gives_no_value():
    for frame in (records([]), records([("a", 0, math.nan), ("b", 0, math.nan)])):
        for summary in summarise_records(frame, LOCALISATION, seed=0):
            assert math.isnan(summary.value)
            assert math.isnan(summary.ci_low)
            assert summary.n == 0


def test_one_image_gives_a_value_but_no_interval():
    (summary, *_) = summarise_records(records([("a", 0, 100.0), ("a", 1, 0.0)]), LOCALISATION, seed=0)
    assert summary.value == 50
    assert math.isnan(summary.ci_low)
    assert math.isnan(summary.ci_high)


def test_degenerate_counts_every_status_but_ok():
    frame = records([(str(number), 0, 1.0) for number in range(5)])
    frame["status"] = ["ok", "zero", "constant", "nan", "ok"]
    assert {s.degenerate for s in summarise_records(frame, LOCALISATION, seed=0, draws=0)} == {3}


def test_interval_of_a_mean_covers_the_truth_about_95_times_in_100():
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        values = generator.normal(50, 10, size=60)
        frame = records([(f"{number:02d}", 0, value) for number, value in enumerate(values)])
        (summary,) = summarise_records(frame, [METRICS.get("content_heatmap")], seed=trial, draws=300)
        covered += summary.ci_low <= 50 <= summary.ci_high
    assert 0.90 <= covered / 300 <= 0.98  # binomial: 0.95 with a standard deviation of 0.013


def test_interval_of_a_mean_agrees_with_the_normal_approximation():
    generator = np.random.default_rng(1)
    values = generator.random(2000) * 100
    frame = records([(f"{number:04d}", 0, value) for number, value in enumerate(values)])
    (summary,) = summarise_records(frame, [METRICS.get("content_heatmap")], seed=0, draws=2000)
    half = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
    assert summary.ci_high - summary.ci_low == pytest.approx(2 * half, rel=0.06)


def test_accuracy_of_a_hand_computed_case():
    frame = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "targets": ["3", "1", "2", "0"],
            "top5": ["3 0 1 2 4", "0 1 2 3 4", "0 1 3 4 2", "5 1 2 3 4"],
            "positives": [""] * 4,
        }
    )
    top1, top5 = summarise_predictions(frame, CLASSIFICATION, n_classes=6, seed=0, draws=0)
    assert (top1.value, top1.aggregate, top1.n, top1.n_classes) == (25, "image_mean", 4, 4)
    assert top5.value == 75


def test_predictions_of_no_image_give_no_value():
    frame = pd.DataFrame({"image_id": [], "targets": [], "top5": [], "positives": []}, dtype=str)
    for summary in summarise_predictions(frame, CLASSIFICATION, n_classes=6, seed=0):
        assert math.isnan(summary.value)
