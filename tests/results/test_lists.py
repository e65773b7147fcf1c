"""Lists of numbers in one cell of a CSV file: as long as they are, as exact as they have to be."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raybench.benchmark.results.files.lists import read_integers, read_numbers, write_integers, write_numbers

runs = st.lists(st.tuples(st.integers(-3, 10**12), st.integers(1, 40)), max_size=12)


@given(runs)
def test_integers_come_back_as_they_were(case: list[tuple[int, int]]) -> None:
    values = [value for value, count in case for _ in range(count)]
    assert read_integers(write_integers(values)) == values


def test_runs_of_equal_integers_are_counted() -> None:
    assert write_integers([0] * 37 + [5, 7, 7, 0]) == "0*37 5 7*2 0"
    assert write_integers([]) == ""
    assert read_integers("") == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=40))
def test_numbers_of_single_precision_come_back_exactly(values: list[float]) -> None:
    assert np.float32(read_numbers(write_numbers(values))).tolist() == values


@given(st.lists(st.floats(1e-300, 1e300), max_size=40))
def test_other_numbers_keep_nine_digits(values: list[float]) -> None:
    assert read_numbers(write_numbers(values)) == pytest.approx(values, rel=5e-9)


def test_what_is_written_again_is_the_same_text() -> None:
    text = write_numbers(np.random.default_rng(0).random(100).tolist())
    assert write_numbers(read_numbers(text)) == text


def test_a_list_needs_no_quotes_in_a_cell() -> None:
    line = io.StringIO()
    csv.writer(line).writerow([write_numbers([0.5, -1e-30]), write_integers([3, 3])])
    assert line.getvalue().strip() == "0.5 -1e-30,3*2"
