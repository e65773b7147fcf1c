"""Regions against scipy's Euclidean distance transform, and by hand."""

from __future__ import annotations

import math

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from raybench.base.errors import RaybenchError
from raybench.base.geometry import Box, Size
from raybench.benchmark.datasets.region import BoxRegion, MaskRegion, Region
from raybench.benchmark.datasets.sample import Query, Sample

TOLERANCES = st.one_of(
    st.integers(0, 40),
    st.floats(0, 40, allow_nan=False),
    st.integers(1, 1700).map(math.sqrt),  # a pixel at exactly this distance is not near
)


@st.composite
def sparse_masks(draw: st.DrawFn) -> np.ndarray:
    """Masks of up to 30 x 150 pixels, mostly False, so that distances vary."""
    size = draw(st.tuples(st.integers(1, 30), st.integers(1, 150)))
    if draw(st.booleans()):
        size = size[::-1]
    seed, share = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0005, 0.005, 0.05, 0.5, 1]))
    return np.random.default_rng(seed).random(size) < share


@st.composite
def box_regions(draw: st.DrawFn) -> BoxRegion:
    """One to four boxes in a picture of up to 40 x 60 pixels."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 60))
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        x0, x1 = sorted(draw(st.tuples(st.integers(0, width - 1), st.integers(0, width - 1))))
        y0, y1 = sorted(draw(st.tuples(st.integers(0, height - 1), st.integers(0, height - 1))))
        boxes.append(Box(x0, y0, x1, y1))
    return BoxRegion(Size(height, width), tuple(boxes))


def distances(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the mask."""
    return distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)


@given(sparse_masks(), TOLERANCES)
@settings(max_examples=300, deadline=None)
def test_near_a_mask_is_where_the_distance_transform_is_below_the_tolerance(
    mask: np.ndarray, tolerance: float
) -> None:
    np.testing.assert_array_equal(MaskRegion(mask).near(tolerance), distances(mask) < tolerance)


@given(arrays(np.bool_, (7, 5)), TOLERANCES)
@settings(max_examples=100, deadline=None)
def test_near_any_small_mask_is_where_the_distance_transform_is_below_the_tolerance(
    mask: np.ndarray, tolerance: float
) -> None:
    np.testing.assert_array_equal(MaskRegion(mask).near(tolerance), distances(mask) < tolerance)


@given(box_regions(), TOLERANCES)
@settings(max_examples=300, deadline=None)
def test_near_boxes_is_where_the_distance_transform_is_below_the_tolerance(
    region: BoxRegion, tolerance: float
) -> None:
    np.testing.assert_array_equal(region.near(tolerance), distances(region.mask()) < tolerance)


@given(box_regions())
@settings(max_examples=50, deadline=None)
def test_mask_of_boxes_holds_a_pixel_if_any_box_does(region: BoxRegion) -> None:
    expected = [
        [any(b.x0 <= x <= b.x1 and b.y0 <= y <= b.y1 for b in region.boxes) for x in range(region.size.width)]
        for y in range(region.size.height)
    ]
    np.testing.assert_array_equal(region.mask(), expected)


def test_disc_around_one_pixel_by_hand() -> None:
    mask = np.zeros((5, 7), dtype=bool)
    mask[2, 3] = True
    expected = [
        "0000000",
        "0011100",
        "0011100",
        "0011100",
        "0000000",
    ]
    drawn = ["".join("01"[value] for value in row) for row in MaskRegion(mask).near(2).tolist()]
    assert drawn == expected  # the pixels at distance exactly 2 are out, those at sqrt(2) are in


@pytest.mark.parametrize("column", [0, 62, 63, 64, 65, 127, 128, 199])
def test_near_crosses_the_borders_of_machine_words(column: int) -> None:
    mask = np.zeros((3, 200), dtype=bool)
    mask[1, column] = True
    np.testing.assert_array_equal(MaskRegion(mask).near(150), distances(mask) < 150)


EMPTY_REGIONS = [
    pytest.param(BoxRegion(Size(4, 6), ()), id="boxes"),
    pytest.param(MaskRegion(np.zeros((4, 6), dtype=bool)), id="mask"),
]


@pytest.mark.parametrize("region", EMPTY_REGIONS)
def test_empty_region_is_near_to_nothing(region: Region) -> None:
    assert region.size == Size(4, 6)
    assert not region.mask().any()
    assert not region.near(1000).any()


@pytest.mark.parametrize("tolerance", [0, -3])
@pytest.mark.parametrize("as_mask", [False, True])
def test_nothing_is_closer_than_zero(tolerance: int, as_mask: bool) -> None:
    boxes = BoxRegion(Size(3, 4), (Box(1, 1, 2, 1),))
    region = MaskRegion(boxes.mask()) if as_mask else boxes
    assert not region.near(tolerance).any()


@pytest.mark.parametrize("as_mask", [False, True])
def test_everything_is_closer_than_infinity(as_mask: bool) -> None:
    boxes = BoxRegion(Size(30, 400), (Box(1, 1, 2, 1),))
    region = MaskRegion(boxes.mask()) if as_mask else boxes
    assert region.near(math.inf).all()


def test_mask_in_column_order_gives_the_same_answer() -> None:
    mask = np.random.default_rng(0).random((50, 70)) < 0.01
    np.testing.assert_array_equal(MaskRegion(np.asfortranarray(mask)).near(5), distances(mask) < 5)


def test_region_is_left_unchanged_by_near() -> None:
    mask = np.random.default_rng(0).random((50, 70)) < 0.01
    before = mask.copy()
    MaskRegion(mask).near(5)
    np.testing.assert_array_equal(mask, before)


SIZE = Size(20, 30)


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (
            BoxRegion(Size(30, 20), (Box(0, 0, 19, 29),)),
            "a picture of 20 x 30 pixels, .* has 30 x 20; height and",
        ),
        (BoxRegion(Size(20, 31), ()), "a picture of 31 x 20 pixels, and this one has 30 x 20$"),
        (
            BoxRegion(SIZE, (Box(0, 0, 3, 3), Box(25, 0, 30, 5))),
            "box 2, 25 0 30 5, reaches out of the picture",
        ),
        (BoxRegion(SIZE, (Box(0, -1, 3, 3),)), "box 1, 0 -1 3 3, reaches out"),
        (BoxRegion(SIZE, (Box(40, 40, 50, 50),)), "box 1, 40 40 50 50, reaches out"),
        (BoxRegion(SIZE, (Box(9, 0, 3, 3),)), "box 1, 9 0 3 3, ends before it begins"),
        (BoxRegion(SIZE, (Box(0.5, 0, 3, 3),)), "box 1, .* no whole pixels"),
        (
            MaskRegion(np.zeros((30, 20), np.bool_)),
            "a picture of 20 x 30 pixels, .*; height and width are swapped",
        ),
        (MaskRegion(np.zeros((20, 30), np.uint8)), "its mask is uint8 of 20 x 30; expected bool"),
        (MaskRegion(np.zeros((20, 30, 1), np.bool_)), "its mask is bool of 20 x 30 x 1"),
    ],
)
def test_region_that_is_none_of_its_picture_is_refused_by_image_class_and_box(
    region: Region, said: str
) -> None:
    with pytest.raises(RaybenchError, match=f"^image 'a', class 7: .*{said}"):
        Sample("a", SIZE, None, (Query(7, region),), (7,))


def test_sample_of_swapped_size_or_with_a_class_twice_is_refused() -> None:
    with pytest.raises(RaybenchError, match="given as 20 x 30, and the picture is 30 x 20: height and width"):
        Sample("a", Size(30, 20), PIL.Image.new("RGB", (30, 20)), (), ())
    query = Query(1, BoxRegion(SIZE, ()))
    with pytest.raises(RaybenchError, match=r"its queries are \[1, 1\]; expected each once"):
        Sample("a", SIZE, None, (query, query), (1,))
    with pytest.raises(RaybenchError, match=r"its targets are \[2, 1\]; expected each once"):
        Sample("a", SIZE, None, (), (2, 1))


@given(st.one_of(box_regions(), sparse_masks().map(MaskRegion)), st.integers(0, 40))
def test_a_window_is_cut_out_of_the_whole(region: Region, tolerance: int) -> None:
    rows, columns = (slice(max(0, n // 2 - 1), min(n, n // 2 + 2)) for n in region.size)
    mask, near = region.window(rows, columns, tolerance)
    assert np.array_equal(mask, region.mask()[rows, columns])
    assert np.array_equal(near, region.near(tolerance)[rows, columns])
