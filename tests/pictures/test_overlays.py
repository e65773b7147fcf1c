"""Heat over pictures: colours where the heat is, marks where the point is."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from raybench.base.geometry import Point
from raybench.benchmark.pictures.overlay import (
    HIT_COLOUR,
    MISS_COLOUR,
    bare,
    draw_outline,
    draw_point,
    explain_figure,
    overlay,
)

GREY = np.full((40, 80, 3), 128, dtype=np.uint8)


def pixels_of(figure: Figure) -> np.ndarray:
    """Render a figure: (H, W, 3) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def places_of(pixels: np.ndarray, colour: str, tolerance: int = 12) -> np.ndarray:
    """Pixels (x, y) that have a colour."""
    target = np.round(255 * np.array(to_rgb(colour)))
    ys, xs = np.nonzero(np.abs(pixels.astype(int) - target).max(axis=2) <= tolerance)
    return np.stack((xs, ys), axis=1)


def test_no_heat_leaves_a_grey_picture_as_it_is():
    np.testing.assert_array_equal(overlay(GREY, np.zeros((40, 80))), GREY)
    np.testing.assert_array_equal(overlay(GREY, np.full((5, 10), np.nan)), GREY)


def test_heat_colours_only_where_it_is():
    saliency = np.zeros((40, 80))
    saliency[10, 60] = 3.0
    painted = overlay(GREY, saliency)
    changed = np.argwhere((painted != GREY).any(axis=2))
    assert changed.tolist() == [[10, 60]]
    red, _, blue = painted[10, 60].astype(int)
    assert red > 200
    assert red > blue + 50


def test_overlay_does_not_depend_on_the_unit_of_the_map():
    saliency = np.random.default_rng(0).random((40, 80))
    np.testing.assert_array_equal(overlay(GREY, saliency), overlay(GREY, saliency * 1e-12))


def test_coarse_map_is_stretched_over_the_picture_without_swapping_axes():
    coarse = np.zeros((2, 4))
    coarse[0, 3] = 1  # top right
    painted = overlay(GREY, coarse).astype(int)
    heat = painted[..., 0] - painted[..., 2]
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert y < 20
    assert x > 60


def test_stronger_heat_is_brighter():
    ramp = np.linspace(0.2, 1, 80)[None].repeat(40, axis=0)
    luminance = overlay(GREY // 128, ramp)[20] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(luminance) >= -0.5).all()
    assert luminance[-1] > luminance[0] + 80


@pytest.mark.parametrize(
    ("hit", "colour", "absent"), [(True, HIT_COLOUR, MISS_COLOUR), (False, MISS_COLOUR, HIT_COLOUR)]
)
def test_point_is_drawn_at_its_pixel_in_the_colour_of_hit_or_miss(hit, colour, absent):
    figure = Figure(figsize=(4, 2), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    bare(axes)
    axes.imshow(GREY)  # 80 x 40 pixels on 400 x 200: one picture pixel is 5 screen pixels
    draw_point(axes, Point(x=60, y=10), hit=hit)
    pixels = pixels_of(figure)
    places = places_of(pixels, colour)
    assert len(places) > 20
    assert places.mean(axis=0) == pytest.approx([60.5 * 5, 10.5 * 5], abs=2)
    assert len(places_of(pixels, absent)) == 0


def test_hit_and_miss_differ_in_shape_too():
    shapes = []
    for hit in (True, False):
        figure = Figure(figsize=(1, 1), dpi=100)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(GREY[:40, :40])
        bare(axes)
        draw_point(axes, Point(20, 20), hit=hit, size=20)
        pixels = pixels_of(figure)
        shapes.append((np.abs(pixels.astype(int) - 128) > 12).any(axis=2))
    assert (shapes[0] != shapes[1]).sum() > 50


def test_outline_follows_the_region_also_at_the_border():
    figure = Figure(figsize=(4, 2), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(GREY)
    bare(axes)
    mask = np.zeros((40, 80), dtype=bool)
    mask[10:30, 50:] = True  # touches the right border
    draw_outline(axes, mask)
    white = places_of(pixels_of(figure), "white", tolerance=30)
    assert white[:, 0].min() == pytest.approx(50 * 5, abs=3)
    assert white[:, 1].min() == pytest.approx(10 * 5, abs=3)
    assert white[:, 1].max() == pytest.approx(30 * 5, abs=3)
    inside = (np.abs(white - [350, 100]) < [40, 40]).all(axis=1)
    assert not inside.any()
    assert axes.get_xlim() == (-0.5, 79.5)
    assert axes.get_ylim() == (39.5, -0.5)


def test_empty_region_has_no_outline():
    figure = Figure(figsize=(2, 1), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(GREY)
    bare(axes)
    draw_outline(axes, np.zeros((40, 80), dtype=bool))
    assert len(places_of(pixels_of(figure), "white", tolerance=30)) == 0


def test_explanation_shows_picture_map_overlay_and_classes():
    image = PIL.Image.new("RGB", (120, 60), (30, 90, 200))
    saliency = np.zeros((60, 120))
    saliency[20:30, 80:90] = 1
    saliency[25, 85] = 2
    top5 = [("tench, Tinca tinca", 0.5), ("a" * 60, 0.25), ("coho", 0.1)]
    figure = explain_figure(image, saliency, top5, title="tench by net")
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "tench" in texts
    assert "50.0 %" in texts
    assert all(len(text) <= 28 for text in texts)
    assert [axes.get_title() for axes in figure.axes] == ["image", "saliency map", "overlay", "top classes"]
    bars = [patch.get_width() for patch in figure.axes[3].patches if patch.get_width() < 1]
    assert bars == [0.5, 0.25, 0.1]
    (point,) = figure.axes[2].lines
    assert (list(point.get_xdata()), list(point.get_ydata())) == ([85], [25])


def test_explanation_of_a_tall_picture_and_an_empty_map_can_be_drawn():
    image = PIL.Image.new("L", (30, 200))
    figure = explain_figure(image, np.zeros((200, 30)), [("cat", 1.0)], title="t")
    assert pixels_of(figure).std() > 0
