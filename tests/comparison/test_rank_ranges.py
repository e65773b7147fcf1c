"""Rank ranges: by hand, and by simulation how often rows that do not differ get separate places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from raybench.benchmark.comparison import RankRange, rank_rows
from raybench.benchmark.statistics import holm

IMAGES = 60


def ranks_of(rows: np.ndarray, aggregate: str = "query_mean", **options: object) -> list[RankRange | None]:
    queries = rows.shape[1]
    return rank_rows(
        {"score": rows},
        options.pop("images", np.arange(queries)),
        options.pop("classes", np.arange(queries) % 3),
        aggregates={"score": aggregate},
        **options,
    )["score"]


def noisy_rows(*means: float, images: int = IMAGES, seed: int = 0, spread: float = 5) -> np.ndarray:
    """Make rows whose images are easy or hard for all of them, (R, images)."""
    generator = np.random.default_rng(seed)
    return (
        generator.normal(0, 20, images)
        + generator.normal(0, spread, (len(means), images))
        + np.array(means)[:, None]
    )


def test_rows_far_apart_have_one_place_each() -> None:
    assert [str(rank) for rank in ranks_of(noisy_rows(50, 90, 70))] == ["3", "1", "2"]


def test_rows_that_cannot_be_told_apart_share_places() -> None:
    rows = noisy_rows(50, 50, 90, 20)
    assert [str(rank) for rank in ranks_of(rows)] == ["2\N{EN DASH}3", "2\N{EN DASH}3", "1", "4"]


def test_being_tied_need_not_carry_over() -> None:
    # A is above C for sure, B lies between and is tied with both
    rows = np.array([[54.0, 56.0] * 15, [52.0, 56.0] * 8 + [50.0, 56.0] * 7, [50.0, 56.0] * 15])
    rows += np.random.default_rng(2).normal(0, 1.2, rows.shape)
    gaps = [stats.ttest_rel(rows[a], rows[b]).pvalue for a, b in ((0, 1), (1, 2), (0, 2))]
    separate = holm(np.array(gaps)) <= 0.05
    assert separate[2]
    expected = [
        RankRange(1, 3 - int(separate[0]) - 1),
        RankRange(1 + int(separate[0]), 3 - int(separate[1])),
        RankRange(2 + int(separate[1]), 3),
    ]
    assert ranks_of(rows) == expected


def test_lower_may_be_better() -> None:
    rows = noisy_rows(50, 90, 70)
    assert ranks_of(rows, higher_is_better={"score": False}) == [(1, 1), (3, 3), (2, 2)]


def test_one_row_is_first_and_no_row_has_no_rank() -> None:
    assert ranks_of(noisy_rows(50)) == [(1, 1)]
    assert ranks_of(np.zeros((0, 5))) == []
    assert ranks_of(np.zeros((2, 0))) == [None, None]


def test_class_mean_and_query_mean_may_rank_differently() -> None:
    # class 0 has 100 queries on which A is better, class 1 has 20 on which B is far better
    classes = np.repeat([0, 1], [100, 20])
    rows = noisy_rows(50, 50, images=120, spread=1)
    rows[0, classes == 0] += 5
    rows[1, classes == 1] += 10
    assert ranks_of(rows, "query_mean", classes=classes) == [(1, 1), (2, 2)]
    assert ranks_of(rows, "class_mean", classes=classes) == [(2, 2), (1, 1)]


def test_queries_of_an_image_count_as_one_observation() -> None:
    # the same 5 images 40 times over: sure if taken for 200 images, not if for 5
    rows = np.repeat(noisy_rows(50, 58, images=5, seed=3), 40, axis=1)
    assert stats.ttest_rel(*rows).pvalue < 1e-6
    assert ranks_of(rows, images=np.repeat(np.arange(5), 40)) == [(1, 2), (1, 2)]
    assert ranks_of(rows) == [(2, 2), (1, 1)]


def test_image_ids_may_be_text_and_their_order_does_not_matter() -> None:
    rows = noisy_rows(50, 52, 54)
    names = np.array([f"im{n:02d}" for n in range(IMAGES)])
    order = np.random.default_rng(0).permutation(IMAGES)
    expected = ranks_of(rows, classes=np.arange(IMAGES))
    assert ranks_of(rows, images=names, classes=np.arange(IMAGES)) == expected
    assert ranks_of(rows[:, order], images=names[order], classes=order) == expected


def test_row_that_lacks_many_queries_is_not_ranked() -> None:
    rows = noisy_rows(50, 90, 70)
    rows[1, :10] = np.nan
    assert ranks_of(rows) == [(2, 2), None, (1, 1)]
    rows[1] = np.nan
    assert ranks_of(rows) == [(2, 2), None, (1, 1)]


def test_query_that_a_row_lacks_is_left_out_for_all() -> None:
    rows = noisy_rows(50, 50, 50)
    rows[0, 0] = 1e9  # decides everything, were it not for the row that lacks it
    rows[2, 0] = np.nan
    rows[:, 1] = np.nan  # a query that nobody has makes nobody unranked
    assert ranks_of(rows) == [(1, 3), (1, 3), (1, 3)]


def test_single_precision_gives_the_same_ranks() -> None:
    rows = noisy_rows(50, 51, 52, 53, 54)
    assert ranks_of(rows.astype(np.float32)) == ranks_of(rows)


def test_metrics_are_ranked_each_on_its_own() -> None:
    rows = {"up": noisy_rows(50, 90), "down": noisy_rows(90, 50, 20)}
    found = rank_rows(
        rows,
        np.arange(IMAGES),
        np.zeros(IMAGES, int),
        aggregates=dict.fromkeys(rows, "query_mean"),
    )
    assert found == {"up": [(2, 2), (1, 1)], "down": [(1, 1), (2, 2), (3, 3)]}


def test_holm_by_hand() -> None:
    # sorted 0.005 x 4, 0.01 x 3, 0.03 x 2, then 0.04 x 1 raised to the one before
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.9])).tolist() == [1, 1]
    assert holm(np.zeros(0)).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.3))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p_values: list[float], alpha: float) -> None:
    rejected = np.zeros(len(p_values), dtype=bool)
    for step, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] * (len(p_values) - step) > alpha:
            break
        rejected[place] = True
    assert (holm(np.array(p_values)) <= alpha).tolist() == rejected.tolist()


# By simulation. Every trial is a metric of one call, so that all share the drawn images.


def share_separated(trials: list[np.ndarray], **options: object) -> float:
    """Share of the trials in which any row has a place that another has not."""
    values = {str(number): rows for number, rows in enumerate(trials)}
    queries = trials[0].shape[1]
    found = rank_rows(
        values,
        options.pop("images", np.arange(queries)),
        options.pop("classes", np.zeros(queries, dtype=np.int64)),
        aggregates=dict.fromkeys(values, options.pop("aggregate", "query_mean")),
    )
    return float(np.mean([len(set(ranges)) > 1 for ranges in found.values()]))


def most_by_chance(trials: int) -> float:
    """Share of false differences that one trial in twenty gives, at most, in 999 of 1000 simulations."""
    return float(stats.binom.ppf(0.999, trials, 0.05)) / trials


def test_two_equal_rows_are_separated_in_one_trial_of_twenty() -> None:
    trials = [noisy_rows(50, 50, seed=seed) for seed in range(2000)]
    found = share_separated(trials)
    assert stats.binom.ppf(0.001, 2000, 0.05) / 2000 <= found <= most_by_chance(2000)


def test_two_rows_with_equal_hit_rates_are_separated_at_most_as_often() -> None:
    generator = np.random.default_rng(0)
    trials = []
    for _ in range(1000):
        hard = generator.random(IMAGES)
        trials.append(100.0 * (generator.random((2, IMAGES)) < 0.6 + 0.35 * hard))
    assert 0.01 < share_separated(trials) <= most_by_chance(1000)


def test_equal_class_means_are_separated_at_most_as_often() -> None:
    generator = np.random.default_rng(1)
    images = np.repeat(np.arange(IMAGES), 2)  # two queries to an image, which fare alike
    classes = generator.integers(0, 8, 2 * IMAGES)
    trials = [
        np.repeat(generator.normal(0, 9, (2, IMAGES)), 2, axis=1) + generator.normal(0, 9, (2, 2 * IMAGES))
        for _ in range(1000)
    ]
    found = share_separated(trials, images=images, classes=classes, aggregate="class_mean")
    assert 0.01 < found <= most_by_chance(1000)


def test_among_ten_equal_rows_any_is_separated_in_one_trial_of_twenty() -> None:
    trials = [noisy_rows(*[50] * 10, seed=seed) for seed in range(400)]
    found = share_separated(trials)
    assert 0.005 < found <= most_by_chance(400)


def test_a_true_difference_is_found_usually() -> None:
    # 3 points with a spread of 5 x sqrt 2 per image: the t-test over 60 images finds 90 %
    trials = [noisy_rows(50, 53, seed=seed) for seed in range(300)]
    effect = 3 / (5 * np.sqrt(2)) * np.sqrt(IMAGES)
    limit = stats.t.ppf(0.975, IMAGES - 1)
    power = stats.nct.sf(limit, IMAGES - 1, effect)
    assert power > 0.85
    low, high = stats.binom.ppf([0.001, 0.999], 300, power) / 300
    assert low <= share_separated(trials) <= high
