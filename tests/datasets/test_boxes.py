"""From written boxes to pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raybench.base.geometry import Box, Size
from raybench.benchmark.datasets.layouts.boxes import (
    CLAMPED,
    DROPPED,
    EMPTY_SLICE,
    ONE_PIXEL,
    WrittenBox,
    place_boxes,
    region_of,
)
from raybench.benchmark.datasets.region import BoxRegion
from raybench.benchmark.datasets.sample import AnnotationError

SIZE = Size(height=30, width=40)
BY_HAND = {
    "inside": ((1, 1, 40, 30), Box(0, 0, 39, 29), None),
    "one pixel": ((5, 7, 5, 7), Box(4, 6, 4, 6), ONE_PIXEL),
    "one row": ((5, 7, 9, 7), Box(4, 6, 8, 6), ONE_PIXEL),
    "wide": ((3, 5, 20, 6), Box(2, 4, 19, 5), None),
    "from 0": ((0, 0, 20, 6), Box(0, 0, 19, 5), CLAMPED),
    "past the end": ((3, 5, 41, 99), Box(2, 4, 39, 29), CLAMPED),
    "negative": ((-7, 5, 20, 6), Box(0, 4, 19, 5), CLAMPED),
    "right of the picture": ((41, 5, 50, 6), None, DROPPED),
    "above the picture": ((3, -9, 20, 0), None, DROPPED),
    "fractions": ((45.7 - 40, 1.5, 20.49, 6.5), Box(5, 1, 19, 6), None),
}


@pytest.mark.parametrize(("written", "box", "note"), BY_HAND.values(), ids=BY_HAND)
def test_box_by_hand(written: tuple[float, ...], box: Box | None, note: str | None) -> None:
    boxes, notes = place_boxes([WrittenBox(*written)], SIZE, legacy=False)
    assert boxes == (() if box is None else (box,))
    assert notes == (() if note is None else (note,))


CORNER = st.integers(-60, 60)


@given(st.lists(st.tuples(CORNER, CORNER, CORNER, CORNER), min_size=1, max_size=3))
@settings(max_examples=500, deadline=None)
def test_legacy_boxes_select_what_the_published_slice_selects(
    written: list[tuple[int, int, int, int]],
) -> None:
    expected = np.zeros(SIZE, dtype=bool)
    for xmin, ymin, xmax, ymax in written:
        expected[ymin - 1 : ymax, xmin - 1 : xmax] = True
    boxes, notes = place_boxes([WrittenBox(*box) for box in written], SIZE, legacy=True)
    np.testing.assert_array_equal(BoxRegion(SIZE, boxes).mask(), expected)
    assert len(boxes) + notes.count(EMPTY_SLICE) == len(written)


def test_legacy_box_that_starts_at_0_selects_nothing() -> None:
    assert place_boxes([WrittenBox(0, 5, 20, 6)], SIZE, legacy=True) == ((), (EMPTY_SLICE,))
    assert place_boxes([WrittenBox(3, 0, 20, 6)], SIZE, legacy=True) == ((), (EMPTY_SLICE,))


def test_legacy_box_from_0_to_the_last_pixel_selects_the_last_column() -> None:
    assert place_boxes([WrittenBox(0, 5, 40, 6)], SIZE, legacy=True)[0] == (Box(39, 4, 39, 5),)


@given(st.tuples(CORNER, CORNER, st.integers(0, 50), st.integers(0, 50)))
@settings(max_examples=300, deadline=None)
def test_box_is_the_part_of_the_written_box_inside_the_picture(written: tuple[int, int, int, int]) -> None:
    xmin, ymin, more_x, more_y = written
    boxes, _ = place_boxes([WrittenBox(xmin, ymin, xmin + more_x, ymin + more_y)], SIZE, legacy=False)
    y, x = np.mgrid[1:31, 1:41]  # pixels by the numbers that annotations use
    inside = (x >= xmin) & (x <= xmin + more_x) & (y >= ymin) & (y <= ymin + more_y)
    np.testing.assert_array_equal(BoxRegion(SIZE, boxes).mask(), inside)


def test_region_with_every_box_outside_is_refused() -> None:
    with pytest.raises(
        AnnotationError, match=r"^a\.xml, ape: every box lies outside the picture of 40 x 30 pixels$"
    ):
        region_of([WrittenBox(50, 1, 60, 5)], SIZE, legacy=False, place="a.xml, ape")


def test_region_with_some_box_inside_notes_the_others() -> None:
    region, notes = region_of(
        [WrittenBox(50, 1, 60, 5), WrittenBox(2, 2, 3, 3)], SIZE, legacy=False, place="a.xml"
    )
    assert region == BoxRegion(SIZE, (Box(1, 1, 2, 2),))
    assert notes == (DROPPED,)


def test_legacy_region_may_be_empty() -> None:
    region, notes = region_of([WrittenBox(0, 1, 10, 5)], SIZE, legacy=True, place="a.xml")
    assert region == BoxRegion(SIZE, ())
    assert notes == (EMPTY_SLICE,)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ((20, 5, 3, 6), "there: a box ends before it starts: x 20 to 3, y 5 to 6"),
        ((3, 6, 20, 5), "ends before it starts"),
        ((0.1, 0.2, 0.9, 1), "in shares of the picture, from 0 to 1; expected pixels"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_box_that_cannot_be_in_pixels_is_refused(
    written: tuple[float, ...], message: str, legacy: bool
) -> None:
    with pytest.raises(AnnotationError, match=message):
        region_of([WrittenBox(1, 1, 2, 2), WrittenBox(*written)], SIZE, legacy=legacy, place="there")
