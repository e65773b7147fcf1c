"""What the generated scenes promise."""

from __future__ import annotations

import numpy as np
import pytest

from raybench.benchmark.datasets.shapes import CLASS_NAMES, Scene, draw_scene
from raybench.checkpoints import load_classes


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(7, index) for index in range(60)]


def test_classes_are_those_of_the_shipped_list() -> None:
    assert load_classes("shapes12").ids == CLASS_NAMES
    assert len(CLASS_NAMES) >= 10


def test_same_seed_and_index_draw_the_same_pixels(scenes: list[Scene]) -> None:
    again = draw_scene(7, 11)
    assert np.array_equal(again.pixels, scenes[11].pixels)
    assert [thing.class_index for thing in again.objects] == [
        thing.class_index for thing in scenes[11].objects
    ]


def test_other_seed_or_index_draws_another_scene(scenes: list[Scene]) -> None:
    others = (draw_scene(8, 11), scenes[12])
    assert not any(np.array_equal(other.pixels, scenes[11].pixels) for other in others)


def test_pictures_are_oblong_and_between_96_and_160_pixels(scenes: list[Scene]) -> None:
    for scene in scenes:
        height, width, channels = scene.pixels.shape
        assert channels == 3
        assert height != width
        assert 96 <= min(height, width) < max(height, width) <= 160
    assert {scene.pixels.shape[0] > scene.pixels.shape[1] for scene in scenes} == {True, False}


def test_one_to_four_objects_of_different_classes(scenes: list[Scene]) -> None:
    counts = {len(scene.objects) for scene in scenes}
    assert counts == {1, 2, 3, 4}
    for scene in scenes:
        classes = [thing.class_index for thing in scene.objects]
        assert len(set(classes)) == len(classes)


def test_labelled_object_spans_more_than_any_other(scenes: list[Scene]) -> None:
    def extent(mask: np.ndarray) -> int:
        return max(np.ptp(np.flatnonzero(mask.any(axis))) for axis in (0, 1))

    for scene in scenes:
        spans = [extent(thing.mask) for thing in scene.objects]
        assert spans[0] == max(spans)


def test_visible_masks_are_not_empty_and_do_not_overlap(scenes: list[Scene]) -> None:
    for scene in scenes:
        masks = np.stack([thing.mask for thing in scene.objects])
        assert masks.shape[1:] == scene.pixels.shape[:2]
        assert masks.any(axis=(1, 2)).all()
        assert masks.sum(axis=0).max() == 1


def test_middle_square_shows_the_centre_of_the_labelled_object(scenes: list[Scene]) -> None:
    for scene in scenes:
        height, width = scene.pixels.shape[:2]
        rows, columns = np.nonzero(scene.objects[0].mask)
        short = min(height, width)
        assert abs(rows.mean() - height / 2) < short / 2
        assert abs(columns.mean() - width / 2) < short / 2


def test_every_class_is_drawn_as_label_and_as_company() -> None:
    scenes = [draw_scene(3, index) for index in range(150)]
    assert {scene.objects[0].class_index for scene in scenes} == set(range(len(CLASS_NAMES)))
    assert {thing.class_index for scene in scenes for thing in scene.objects[1:]} == set(
        range(len(CLASS_NAMES))
    )


def test_context_leaves_the_labels_alone() -> None:
    labels = [
        [draw_scene(3, index, context=share).objects[0].class_index for index in range(20)]
        for share in (0, 1)
    ]
    assert labels[0] == labels[1]
