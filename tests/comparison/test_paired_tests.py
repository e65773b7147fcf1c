"""Tests of paired differences, against scipy's bootstrap, t-test, permutation test and sign test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from raybench.benchmark.comparison.paired import PairedTests, differing_images, paired_tests
from raybench.benchmark.comparison.resampling import Block, resampled_means


def every_pair(block: Block, **options: int) -> PairedTests:
    n_images = int(block.images.max()) + 1
    (resampled,) = resampled_means([block], n_images, seed=0, draws=options.get("draws", 10_000))
    return paired_tests(block, resampled)


def one_query_per_image(*rows: np.ndarray) -> Block:
    return Block(np.array(rows), np.arange(len(rows[0])))


@pytest.mark.parametrize(("images", "shift"), [(12, 4.0), (40, 2.0), (200, 0.0), (200, 1.5)])
def test_mean_over_images_is_the_paired_t_test(images: int, shift: float) -> None:
    generator = np.random.default_rng(images)
    first = generator.normal(50, 20, images)
    second = first + generator.normal(shift, 6, images)
    found = every_pair(one_query_per_image(first, second))
    expected = stats.ttest_rel(second, first)
    assert found.difference[1, 0] == pytest.approx((second - first).mean(), rel=1e-10)
    assert found.difference[1, 0] / found.error[1, 0] == pytest.approx(expected.statistic, rel=0.02)
    assert found.p_value[1, 0] == pytest.approx(expected.pvalue, rel=0.1)


@pytest.mark.parametrize("by_class", [False, True])
def test_error_is_that_of_scipy_s_paired_bootstrap(by_class: bool) -> None:
    generator = np.random.default_rng(3)
    images = np.repeat(np.arange(30), 2)  # two queries to an image
    classes = np.tile(np.arange(6), 10)
    values = generator.normal(50, 20, 60) + generator.normal(0, 10, (2, 60))
    block = Block(values, images, classes if by_class else None)

    def difference(drawn: np.ndarray) -> float:
        queries = np.concatenate([np.flatnonzero(images == image) for image in drawn])
        labels = classes[queries] if by_class else np.zeros(len(queries))
        gaps = (values[1] - values[0])[queries]
        return float(np.mean([gaps[labels == label].mean() for label in np.unique(labels)]))

    expected = stats.bootstrap(
        (np.arange(30),), difference, n_resamples=2000, vectorized=False, method="percentile", rng=1
    )
    corrected = expected.standard_error * np.sqrt(30 / 29)
    assert every_pair(block).error[0, 1] == pytest.approx(corrected, rel=0.06)


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
    found = every_pair(one_query_per_image(first, second)).p_value[0, 1]
    assert found == pytest.approx(expected.pvalue, abs=0.015, rel=0.3)


def test_rows_that_are_equal_everywhere_have_p_one() -> None:
    row = np.random.default_rng(0).random(50) * 100
    found = every_pair(one_query_per_image(row, row.copy(), row[::-1].copy()))
    assert found.p_value[0, 1] == 1
    assert found.difference[0, 1] == 0
    assert found.p_value[0, 2] < 1.01


@pytest.mark.parametrize("images", [2, 5, 8, 30])
def test_constant_difference_is_as_sure_as_a_sign_test(images: int) -> None:
    row = np.random.default_rng(0).integers(0, 50, images).astype(float)
    found = every_pair(one_query_per_image(row, row + 1))
    assert found.p_value[0, 1] == pytest.approx(stats.binomtest(images, images).pvalue, rel=1e-12)


@pytest.mark.parametrize("differing", [1, 3, 5, 6])
def test_few_images_that_differ_are_no_surer_than_a_sign_test(differing: int) -> None:
    row = np.full(5000, 50.0)
    other = row.copy()
    other[:differing] += 40
    found = every_pair(one_query_per_image(row, other), draws=2000)
    assert found.p_value[0, 1] >= stats.binomtest(differing, differing).pvalue
    assert found.p_value[0, 1] < 1.5 * max(
        stats.binomtest(differing, differing).pvalue, stats.ttest_rel(row, other).pvalue
    )


def test_one_image_tells_nothing() -> None:
    found = every_pair(Block(np.array([[1.0, 2.0], [90.0, 80.0]]), np.zeros(2, dtype=np.int64)))
    assert found.p_value.tolist() == [[1, 1], [1, 1]]
    assert np.isnan(found.error).all()


def test_pairs_are_symmetric() -> None:
    values = np.random.default_rng(1).random((4, 30)) * 100
    found = every_pair(Block(values, np.arange(30)), draws=500)
    np.testing.assert_array_equal(found.difference, -found.difference.T)
    np.testing.assert_allclose(found.error, found.error.T, atol=1e-12)
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
