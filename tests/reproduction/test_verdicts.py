"""Verdicts: hand-made cases for every word, and the coverage of what is said of a sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from raybench.benchmark.reproduction.verdicts import (
    Word,
    contradicts,
    judged_on_all,
    judged_on_sample,
    tolerance_of,
)
from raybench.benchmark.statistics import Estimate, draw_sample, estimate_mean, of_sample
from raybench.benchmark.tables import SOURCES, PublishedValue, load_published


def cell(value: float = 80.0, **changes: object) -> PublishedValue:
    facts = {"source": "t", "row": "r", "column": "c", "checkpoint": "n", "attribution": "a", "dataset": "d"}
    known = {"metric": "m", "aggregate": "class_mean", "value": value, "printed": 0.1}
    return PublishedValue(**{**facts, **known, **changes})


@pytest.mark.parametrize(
    ("measured", "changes", "word"),
    [
        (80.05, {}, Word.EQUAL),  # half of the printed digit
        (80.06, {}, Word.CLOSE),
        (79.65, {}, Word.CLOSE),  # 0.05 and the tolerance of 0.3
        (79.64, {}, Word.DIFFERS),
        (80.11, {"spread": 0.02}, Word.EQUAL),  # 0.05 and three standard deviations
        (80.12, {"spread": 0.02}, Word.CLOSE),
        (90.0, {"expected": "differs: misprint"}, Word.AS_EXPECTED),
        (80.0, {"expected": "differs: misprint"}, Word.EQUAL),
        (10.0, {"expected": "no reference"}, Word.NO_REFERENCE),
    ],
)
def test_a_value_on_all_images_is_judged_by_digits_and_tolerance(measured, changes, word):
    assert judged_on_all(cell(**changes), measured, 0.3).word is word


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (Estimate(81.0, 80.0, 82.0), Word.CONSISTENT),
        (Estimate(82.0, 80.35, 83.6), Word.CONSISTENT),  # touches 80 + 0.05 + 0.3
        (Estimate(82.0, 80.36, 83.6), Word.INCONSISTENT),
        (Estimate(82.0, 79.0, 85.0), Word.TOO_FEW),  # ± 3 points
        (Estimate(50.0, 45.0, 55.0), Word.INCONSISTENT),  # wide, and yet too far away
        (Estimate(80.0, math.nan, math.nan), Word.TOO_FEW),
    ],
)
def test_a_sample_is_judged_by_its_interval(found, word):
    assert judged_on_sample(cell(), found, 0.3, fewest=100).word is word


def test_a_mean_over_classes_of_few_queries_cannot_be_told():
    verdict = judged_on_sample(cell(), Estimate(80.0, 79.5, 80.5), 0.3, fewest=9)
    assert str(verdict) == "too few to tell: a class has 9 queries in the sample; 10 are needed"


def test_words_for_a_sample_are_never_those_for_all_images():
    words = {judged_on_sample(cell(), Estimate(v, v - 1, v + 1), 0.3, fewest=99).word for v in (80, 85)}
    assert words.isdisjoint({Word.EQUAL, Word.CLOSE, Word.DIFFERS})


def test_tolerances_are_those_of_the_cell_the_method_the_metric():
    rows = {(one.attribution, one.metric): one for one in load_published("torchray")}
    source = SOURCES["torchray"]
    assert tolerance_of(rows["center", "pointing_game"], source) == 0.05
    assert tolerance_of(rows["rise", "pointing_game_difficult"], source) == 0.6
    assert tolerance_of(rows["grad_cam", "pointing_game_difficult"], source) == 0.3
    assert tolerance_of(cell(tolerance=1.0), source) == 1.0


def test_only_what_parts_from_the_source_contradicts_it():
    def told(value: float, **changes: object) -> bool:
        return contradicts([judged_on_all(cell(**changes), value, 0.3)])

    assert (told(80), told(85), told(85, expected="differs: x")) == (False, True, False)


def test_a_whole_set_leaves_nothing_uncertain():
    assert of_sample(Estimate(50, 40, 65), measured=10, images=10) == (50, 50, 50)
    assert of_sample(Estimate(50, 40, 65), measured=1, images=10) == (50, 40, 65)
    half = of_sample(Estimate(50, 40, 65), measured=51, images=101)  # sqrt(50 / 100)
    assert half == pytest.approx((50, 50 - 10 * 0.5**0.5, 50 + 15 * 0.5**0.5))


def test_a_sample_by_class_holds_as_many_of_each():
    classes = np.repeat(np.arange(5), 20)
    drawn = draw_sample(100, classes.tolist(), 23)
    assert np.bincount(classes[drawn]).tolist() == [4] * 5
    assert draw_sample(100, classes.tolist(), 23).tolist() == drawn.tolist()
    assert len(draw_sample(100, classes.tolist(), 9)) == 9  # fewer than two of each: from all alike
    assert sorted(draw_sample(100, None, 100)) == list(range(100))


# 93 to 97 % at 95 %: with this many populations a frequency scatters by 0.9 points
POPULATIONS = 500


@pytest.mark.parametrize(
    ("size", "by_class", "mean"),
    [(200, False, "query"), (300, True, "class"), (1000, True, "class"), (1000, False, "query")],
)
def test_intervals_of_a_sample_cover_the_value_on_all_images(size, by_class, mean):
    """A hundred classes of twenty images each, whose shares of hits scatter as Beta(4, 1)."""
    drawn, covered = np.random.default_rng(size), 0
    classes = np.repeat(np.arange(100), 20)
    for population in range(POPULATIONS):
        hits = 100.0 * (drawn.random(len(classes)) < drawn.beta(4, 1, 100)[classes])
        chosen = draw_sample(len(classes), classes.tolist() if by_class else None, size, seed=population)
        groups = classes[chosen] if mean == "class" else None
        found = estimate_mean(hits[chosen], np.arange(len(chosen)), groups, (0.0, 100.0))
        known = of_sample(found, measured=len(chosen), images=len(classes))
        covered += known.low <= hits.mean() <= known.high
    assert 0.93 <= covered / POPULATIONS <= 0.97


def test_intervals_of_a_mean_over_classes_of_several_per_picture_cover_it_too():
    """Ten classes; a picture shows one to three, on which a network fares alike."""
    drawn, covered, images = np.random.default_rng(7), 0, 600
    for population in range(POPULATIONS):
        order = drawn.random((images, 10)).argsort(axis=1)
        picture, classes = np.nonzero(order < 1 + np.arange(images)[:, None] % 3)
        share = 0.6 * drawn.beta(4, 1, 10)[classes] + 0.4 * drawn.random(images)[picture]
        hits = 100.0 * (drawn.random(len(classes)) < share)
        chosen = np.isin(picture, draw_sample(images, None, 150, seed=population))
        found = estimate_mean(hits[chosen], picture[chosen], classes[chosen], (0.0, 100.0))
        known = of_sample(found, measured=150, images=images)
        truth = np.mean([hits[classes == one].mean() for one in range(10)])
        covered += known.low <= truth <= known.high
    assert 0.93 <= covered / POPULATIONS <= 0.97
