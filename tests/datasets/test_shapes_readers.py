"""Generated scenes, read as ImageNet and as COCO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from raybench.benchmark.datasets import DATASETS, Box
from raybench.benchmark.datasets.shapes import CLASS_NAMES, write_shapes
from raybench.benchmark.suite.protocol import protocol_from


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, images=8, seed=3)
    return folder


def bounds(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)).tolist(), np.flatnonzero(mask.any(0)).tolist()
    return Box(columns[0], rows[0], columns[-1], rows[-1])


def test_scenes_are_the_same_in_both_formats(scenes: Path) -> None:
    every_class = protocol_from("aaai21", {"queries": "every_class", "legacy_boxes": False})
    with_boxes = DATASETS.get("shapes").open(scenes, every_class)
    with_masks = DATASETS.get("shapes_coco").open(scenes, every_class)
    assert with_boxes.name == "shapes"
    assert with_masks.name == "shapes_coco"
    assert with_boxes.classes.ids == with_masks.classes.ids == tuple(CLASS_NAMES)
    assert with_boxes.image_ids == with_masks.image_ids
    assert len(with_boxes) == 8
    assert (with_boxes.multilabel, with_masks.multilabel) == (False, True)
    for boxed, masked in zip(with_boxes, with_masks, strict=True):
        assert (boxed.size, boxed.notes) == (masked.size, masked.notes)
        assert boxed.targets[0] in masked.targets
        assert [query.class_index for query in boxed.queries] == list(masked.targets)
        for boxes, masks in zip(boxed.queries, masked.queries, strict=True):
            mask = masks.region.mask()
            assert not (mask & ~boxes.region.mask()).any()
            assert bounds(mask) == bounds(boxes.region.mask())


def test_labelled_object_alone_is_asked_about_under_aaai21(scenes: Path) -> None:
    for sample in DATASETS.get("shapes").open(scenes, protocol_from("aaai21")):
        assert [query.class_index for query in sample.queries] == list(sample.targets)
        assert sample.notes == ()
