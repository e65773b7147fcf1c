"""Tests of paired differences, against matrices, and scipy's t-test, permutation test and sign test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from raybench.benchmark.statistics import deviations, estimate_mean
from raybench.benchmark.statistics.paired import Block, differing_images, paired_tests


def one_query_per_image(*rows: np.ndarray) -> Block:
    return Block(np.array(rows), np.arange(len(rows[0])))


@pytest.mark.parametrize(("images", "shift"), [(12, 4.0), (40, 2.0), (200, 0.0), (200, 1.5)])
def test_mean_over_images_is_the_paired_t_test(images: int, shift: float) -> None:
    generator = np.random.default_rng(images)
    first = generator.normal(50, 20, images)
    second = first + generator.normal(shift, 6, images)
    found = paired_tests(one_query_per_image(first, second))
    expected = stats.ttest_rel(second, first)
    assert found.difference[1, 0] == pytest.approx((second - first).mean(), rel=1e-10)
    score = found.difference[1, 0] / found.spread.variance[1, 0] ** 0.5
    assert score == pytest.approx(expected.statistic, rel=1e-9)
    assert found.spread.freedom[1, 0] == pytest.approx(expected.df)
    assert found.p_value[1, 0] == pytest.approx(expected.pvalue, rel=1e-9)


def matrix_variance(values: np.ndarray, images: np.ndarray, classes: np.ndarray) -> float:
    """Variance of the mean of class means from the whole hat matrix: CR2 within classes, CR3 across."""
    design = (classes[:, None] == np.unique(classes)).astype(float)
    lever = np.linalg.solve(design.T @ design, design.T)
    left = np.eye(len(values)) - design @ lever
    residuals, weights = left @ values, lever.mean(axis=0)
    total = 0.0
    for image in np.unique(images):
        for one in np.unique(classes[images == image]):
            for other in np.unique(classes[images == image]):
                parts = []
                for label in (one, other):
                    here = (images == image) & (classes == label)
                    roots, vectors = np.linalg.eigh(left[np.ix_(here, here)])
                    power = -0.5 if one == other else -1
                    adjusted = vectors @ np.diag(roots**power) @ vectors.T @ residuals[here]
                    parts.append(weights[here] @ adjusted)
                total += parts[0] * parts[1]
    return total


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_variance_is_that_of_the_matrices(seed: int, by_class: bool) -> None:
    generator = np.random.default_rng(seed)
    images, classes = generator.integers(0, 30, 70), generator.integers(0, 6, 70)
    values = generator.normal(50, 20, 70) + generator.normal(0, 10, (3, 70))
    labels = classes if by_class else np.zeros_like(classes)
    found = paired_tests(Block(values, images, classes if by_class else None))
    expected = matrix_variance(values[1] - values[0], images, labels)
    assert found.spread.variance[0, 1] == pytest.approx(expected, rel=1e-9)
    own = deviations(values[1:] - values[:-1], images, classes if by_class else None).own()
    for row, pair in enumerate([(0, 1), (1, 2)]):
        assert own.variance[row] == pytest.approx(found.spread.variance[pair], rel=1e-9)
        assert own.freedom[row] == pytest.approx(found.spread.freedom[pair], rel=1e-9)


def test_freedom_of_two_classes_is_welch_s_by_hand() -> None:
    # class 0: values 0, 2, 4, variance of its mean 4 / 3; class 1: 0, 10, variance 25; halves: 1 / 3, 25 / 4
    values = np.array([[0.0, 2, 4, 0, 10]])
    found = deviations(values, np.arange(5), np.array([0, 0, 0, 1, 1])).own()
    assert found.variance[0] == pytest.approx(1 / 3 + 25 / 4)
    welch = (1 / 3 + 25 / 4) ** 2 / ((1 / 3) ** 2 / 4 + (25 / 4) ** 2 / 3) - 2
    assert found.freedom[0] == pytest.approx(max(1.0, welch))


def test_variance_is_unbiased_where_most_classes_have_two_images_which_others_share() -> None:
    generator = np.random.default_rng(0)
    classes = np.repeat(np.arange(30), 2)
    images = np.repeat(np.arange(30), 2)[(np.arange(60) * 7) % 60]
    noise = generator.normal(0, 8, (4000, 30))[:, images] + generator.normal(0, 8, (4000, 60))
    found = deviations(noise, images, classes)
    assert found.own().variance.mean() == pytest.approx(found.means.var(), rel=0.06)


def test_class_of_one_image_has_the_mean_variance_of_the_others() -> None:
    # four times variances 4 of three images and 50 of two, for the one image the mean of these, 27; ninths
    values = np.array([[0.0, 2, 4, 0, 10] * 4 + [7]])
    classes = np.array([2 * turn + of for turn in range(4) for of in (0, 0, 0, 1, 1)] + [8])
    found = deviations(np.concatenate([values, 0 * values]), np.arange(21), classes)
    assert found.own().variance[0] == pytest.approx((4 * (4 / 3 + 50 / 2) + 27) / 81)
    assert found.of_pairs().variance[0, 1] == pytest.approx((4 * (4 / 3 + 50 / 2) + 27) / 81)


def test_classes_of_one_image_are_one_stratum_where_few_others_have_a_variance() -> None:
    # three hits of one class, and 10, 0, 0, 10 of four: these deviate by 4, -6, -6, 4 from the mean of all, 6
    values, classes = np.array([[10.0, 10, 10, 10, 0, 0, 10]]), np.array([0, 0, 0, 1, 2, 3, 4])
    found = deviations(np.concatenate([values, 0 * values]), np.arange(7), classes)
    expected = (16 + 36 + 36 + 16) / 25 / (1 - 1 / 5)
    for spread in (found.own(), found.within_bounds()):
        assert spread.variance[0] == pytest.approx(expected)
        assert spread.freedom[0] == pytest.approx(4 + 1 - 2)
    assert found.of_pairs().variance[0, 1] == pytest.approx(expected)
    assert found.of_pairs().freedom[0, 1] == pytest.approx(3)


def test_intervals_of_few_pictures_cover_the_truth() -> None:
    generator, hits, times = np.random.default_rng(3), 0, 400
    for _ in range(times):  # ten pictures of classes of which some come again
        rates = generator.beta(4, 2, 1000)
        shares = 1 / np.arange(1, 1001)
        classes = generator.choice(1000, 10, p=shares / shares.sum())
        values = 100.0 * (generator.random(10) < rates[classes])
        found = estimate_mean(values, np.arange(10), classes, (0.0, 100.0))
        hits += found.low <= 100 * rates[np.unique(classes)].mean() <= found.high
    assert hits / times > 0.93


def test_variance_of_a_value_is_raised_where_rare_classes_happen_to_agree() -> None:
    # halves of variances 0 of two images, and 100 / 3 of four: the mean, 50 / 3, makes expect 25 / 3 and
    # 25 / 6; own are 0 and 25 / 3, so that 25 / 3 and -25 / 6 lack, in sum less than half their error or not
    values, classes = np.array([[5.0, 5, 0, 0, 10, 10]]), np.array([0, 0, 1, 1, 1, 1])
    found = deviations(values, np.arange(6), classes)
    lacks = np.array([25 / 3, -25 / 6]) / 4
    assert found.own().variance[0] == pytest.approx(25 / 3 / 4)
    expected = 25 / 3 / 4 + min(lacks.sum(), 0.5 * np.sqrt((lacks**2).sum()))
    assert found.within_bounds().variance[0] == pytest.approx(expected)
    turned = deviations(10 - values, np.arange(6), 1 - classes)
    assert turned.within_bounds().variance[0] == pytest.approx(expected)
    rare = deviations(
        np.array([[0.0, 10, 5, 5, 5, 5]]), np.arange(6), classes
    )  # the rare class is the harder
    assert rare.within_bounds().variance[0] == rare.own().variance[0]


def test_classes_of_one_image_are_measured_from_the_mean_of_all() -> None:
    values = np.random.default_rng(2).normal(0, 1, (1, 12))
    found = deviations(values, np.arange(12), np.arange(12)).own()
    assert found.variance[0] == pytest.approx(stats.sem(values[0]) ** 2)
    assert found.freedom[0] == 11  # all of them have one spread, however few deviate


def test_classes_of_one_image_are_as_sure_as_queries() -> None:
    hits = np.array([[100.0] * 9 + [0.0], [100.0, 0.0] * 5])
    by_class, by_query = (deviations(hits, np.arange(10), one) for one in (np.arange(10), None))
    for mine, theirs in ((by_class.own(), by_query.own()), (by_class.of_pairs(), by_query.of_pairs())):
        np.testing.assert_allclose(mine.variance, theirs.variance)
        np.testing.assert_array_equal(mine.freedom, theirs.freedom)


@pytest.mark.parametrize("shift", [0.0, 3.0, 5.0])
def test_p_value_is_near_that_of_a_permutation_test(shift: float) -> None:
    generator = np.random.default_rng(8)
    first = generator.normal(50, 20, 25)
    second = first + generator.normal(shift, 8, 25)
    expected = stats.permutation_test(
        (second, first),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        rng=2,
    )
    found = paired_tests(one_query_per_image(first, second)).p_value[0, 1]
    assert found == pytest.approx(expected.pvalue, abs=0.015, rel=0.3)


def test_rows_that_are_equal_everywhere_have_p_one() -> None:
    row = np.random.default_rng(0).random(50) * 100
    found = paired_tests(one_query_per_image(row, row.copy(), row[::-1].copy()))
    assert found.p_value[0, 1] == 1
    assert found.difference[0, 1] == 0
    assert found.p_value[0, 2] < 1.01


@pytest.mark.parametrize("images", [2, 5, 8, 30])
def test_constant_difference_is_as_sure_as_a_sign_test(images: int) -> None:
    row = np.random.default_rng(0).integers(0, 50, images).astype(float)
    found = paired_tests(one_query_per_image(row, row + 1))
    assert found.p_value[0, 1] == pytest.approx(stats.binomtest(images, images).pvalue, rel=1e-12)


@pytest.mark.parametrize("differing", [1, 3, 5, 6])
def test_few_images_that_differ_are_no_surer_than_a_sign_test(differing: int) -> None:
    row = np.full(5000, 50.0)
    other = row.copy()
    other[:differing] += 40
    found = paired_tests(one_query_per_image(row, other))
    assert found.p_value[0, 1] >= stats.binomtest(differing, differing).pvalue
    assert found.p_value[0, 1] < 1.5 * max(
        stats.binomtest(differing, differing).pvalue, stats.ttest_rel(row, other).pvalue
    )


def test_one_image_tells_nothing() -> None:
    found = paired_tests(Block(np.array([[1.0, 2.0], [90.0, 80.0]]), np.zeros(2, dtype=np.int64)))
    assert found.p_value.tolist() == [[1, 1], [1, 1]]
    assert np.isnan(found.spread.variance).all()


def test_pairs_are_symmetric() -> None:
    values = np.random.default_rng(1).random((4, 30)) * 100
    found = paired_tests(Block(values, np.arange(30)))
    np.testing.assert_array_equal(found.difference, -found.difference.T)
    np.testing.assert_allclose(found.spread.variance, found.spread.variance.T, atol=1e-12)
    np.testing.assert_allclose(found.p_value, found.p_value.T, atol=1e-12)
    assert np.diag(found.p_value).tolist() == [1, 1, 1, 1]


def test_images_that_differ_are_counted_once_each() -> None:
    values = np.zeros((3, 9), dtype=np.float32)
    values[1, [0, 1, 2, 8]] = 1  # images 0, 0, 0 and 4
    images = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4])
    assert differing_images(Block(values, images)).tolist() == [[0, 2, 0], [2, 0, 2], [0, 2, 0]]


def test_images_that_differ_are_counted_up_to_where_it_matters() -> None:
    values = np.zeros((3, 10_000))
    values[1] = 1
    values[2, -3:] = 2  # beyond the queries that are looked at first
    assert differing_images(Block(values, np.arange(10_000))).tolist() == [
        [0, 64, 3],
        [64, 0, 64],
        [3, 64, 0],
    ]
