"""Resampled means: against copying the rows of each drawn image, and against the summary's intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from raybench.benchmark.comparison import resampling
from raybench.benchmark.comparison.resampling import Block, resampled_means
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.summary import summarise_records

IMAGES = 15


def random_block(seed: int, *, by_class: bool, rows: int = 3, dtype: type = np.float64) -> Block:
    """Make a block of images with one to three queries of five classes."""
    generator = np.random.default_rng(seed)
    pairs = sorted({(int(generator.integers(IMAGES)), int(generator.integers(5))) for _ in range(30)})
    images, classes = np.array(pairs, dtype=np.int64).T
    values = (100 * generator.random((rows, len(pairs)))).astype(dtype)
    return Block(values, images, classes if by_class else None)


def copied_means(block: Block, seed: int, draws: int) -> np.ndarray:
    """Compute the same slowly: copy the queries of each drawn image, then average."""
    generator = np.random.default_rng(seed)
    classes = np.zeros_like(block.images) if block.classes is None else block.classes
    out = []
    for _ in range(draws):
        drawn = generator.integers(0, IMAGES, size=IMAGES)
        queries = [query for image in drawn for query in np.flatnonzero(block.images == image)]
        frame = pd.DataFrame(np.take(block.values, queries, axis=1).T).groupby(classes[queries])
        out.append(frame.mean().mean().to_numpy())
    return np.array(out).T


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_differences_equal_those_of_copied_queries(seed: int, by_class: bool) -> None:
    block = random_block(seed, by_class=by_class)
    (found,) = resampled_means([block], IMAGES, seed=seed, draws=40)
    expected = copied_means(block, seed, 40)
    np.testing.assert_allclose(found[0] - found[1], expected[0] - expected[1], atol=1e-10)
    np.testing.assert_allclose(found[2] - found[1], expected[2] - expected[1], atol=1e-10)


@pytest.mark.parametrize("by_class", [False, True])
def test_single_precision_is_off_by_less_than_a_hundred_thousandth_of_a_point(by_class: bool) -> None:
    block = random_block(3, by_class=by_class, dtype=np.float32)
    exact = replace(block, values=np.float64(block.values))
    (found,) = resampled_means([block], IMAGES, seed=0, draws=200)
    (expected,) = resampled_means([exact], IMAGES, seed=0, draws=200)
    assert abs(found - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("metric", "place", "by_class"), [("pointing_game", 0, True), ("pointing_game", 1, False)]
)
def test_resamples_are_those_of_the_summary(metric: str, place: int, by_class: bool) -> None:
    block = random_block(5, by_class=True, rows=1)
    measured = np.ravel(block.values)
    values = np.array([measured, np.zeros_like(measured)])
    both = Block(values, np.unique(block.images, return_inverse=True)[1], block.classes if by_class else None)
    n_images = len(np.unique(block.images))
    (found,) = resampled_means([both], n_images, seed=7, draws=300)
    frame = pd.DataFrame(
        {
            "image_id": [f"{image:03d}" for image in block.images],
            "class_index": block.classes,
            "status": "ok",
            metric: measured,
        }
    )
    expected = summarise_records(frame, [METRICS.get(metric)], seed=7, draws=300)[place]
    low, high = np.percentile(found[0] - found[1], [2.5, 97.5])
    assert (low, high) == pytest.approx((expected.ci_low, expected.ci_high), abs=1e-10)


def test_number_of_draws_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [random_block(2, by_class=False), random_block(2, by_class=True)]
    expected = resampled_means(blocks, IMAGES, seed=1, draws=50)
    for width in (1, 7, 50, 1000):
        monkeypatch.setattr(resampling, "_DRAWS_AT_ONCE", width)
        found = resampled_means(blocks, IMAGES, seed=1, draws=50)
        np.testing.assert_allclose(found, expected, atol=1e-11)


def test_more_draws_begin_with_the_same_ones() -> None:
    block = random_block(4, by_class=True)
    (few,) = resampled_means([block], IMAGES, seed=1, draws=20)
    (many,) = resampled_means([block], IMAGES, seed=1, draws=300)
    (other,) = resampled_means([block], IMAGES, seed=2, draws=20)
    np.testing.assert_allclose(many[:, :20], few, atol=1e-11)
    assert abs(other - few).max() > 1


@pytest.mark.parametrize("by_class", [False, True])
def test_resample_without_any_query_has_no_value(by_class: bool) -> None:
    images = np.zeros(2, dtype=np.int64)
    block = Block(np.array([[1.0, 2.0], [3.0, 5.0]]), images, np.arange(2) if by_class else None)
    (found,) = resampled_means([block], 2, seed=0, draws=100)
    generator = np.random.default_rng(0)
    lacks = [0 not in generator.integers(0, 2, size=2) for _ in range(100)]
    assert 5 < sum(lacks) < 60
    np.testing.assert_array_equal(np.isnan(found), [lacks, lacks])
    np.testing.assert_allclose((found[1] - found[0])[~np.array(lacks)], 2.5)


@pytest.mark.parametrize("by_class", [False, True])
def test_nothing_measured_gives_no_values(by_class: bool) -> None:
    nothing = np.zeros(0, dtype=np.int64)
    block = Block(np.zeros((2, 0)), nothing, nothing if by_class else None)
    assert np.isnan(resampled_means([block], 0, seed=0, draws=3)[0]).all()
    assert np.isnan(resampled_means([block], 4, seed=0, draws=3)[0]).all()


def test_value_is_the_mean_over_queries_or_of_class_means() -> None:
    # class 0: 100, 0, 0, 0 -> 25; class 1: 100 -> 100; mean of classes 62.5, of queries 40
    values = np.array([[100.0, 0, 0, 0, 100]], dtype=np.float32)
    images, classes = np.array([0, 1, 2, 3, 3]), np.array([4, 4, 4, 4, 9])
    assert Block(values, images, classes).means.tolist() == [62.5]
    assert Block(values, images).means == pytest.approx([40], abs=1e-12)
