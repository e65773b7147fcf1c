"""COCO files as other tools write them: read rightly, refused in one sentence, or noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from raybench.base import RaybenchError
from raybench.benchmark.datasets import (
    DATASETS,
    AnnotationError,
    Dataset,
    UnreadableImageError,
    asks_anything,
)
from raybench.benchmark.datasets.layouts.coco_masks import OTHER_AREA, OTHER_BOX, OUTSIDE
from raybench.benchmark.datasets.pictures import TURNED
from raybench.benchmark.datasets.readers.coco import EMPTY_MASK, EMPTY_PART, SAME_ID
from raybench.benchmark.suite import PROTOCOLS

SQUARE = [[10, 10, 30, 10, 30, 25, 10, 25]]


def coco(folder: Path, *annotations: dict[str, Any], text: str = "", **changes: Any) -> Path:
    """Write a picture of 60 x 40 pixels and an instances file."""
    for name in ("val2014", "annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    PIL.Image.new("RGB", (60, 40)).save(folder / "val2014/a.jpg")
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 60, "height": 40}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 18, **one} for n, one in enumerate(annotations)
        ],
        "categories": [{"id": 18, "name": "dog"}],
        **changes,
    }
    path = folder / "annotations/instances_val2014.json"
    path.write_text(text or json.dumps(content))
    return folder


def open_coco(folder: Path) -> Dataset:
    return DATASETS.get("coco").open(folder, PROTOCOLS["aaai21"])


@pytest.mark.parametrize(
    ("polygons", "bbox", "noted"),
    [
        (SQUARE, [10, 10, 20, 15], False),
        (SQUARE, [9.4, 9.2, 21, 16.4], False),  # rounded outwards
        (SQUARE, None, False),
        (SQUARE, [10, 10, 0, 0], False),  # not filled in
        ([[0.1, 0.2, 0.6, 0.2, 0.6, 0.7, 0.1, 0.7]], [6, 8, 30, 20], True),  # shares of the picture
        ([[0.4, 0.4, 1.6, 0.4, 1.6, 1.7, 0.4, 1.7]], [6, 8, 30, 20], True),
        ([[10, 10, 10, 30, 25, 30, 25, 10]], [40, 2, 15, 10], True),  # elsewhere
        (SQUARE, [10, 10, 60, 40], True),  # of another scale
        (SQUARE, [10, 10, 20, "15"], True),  # no box at all
        (SQUARE, [10, 10, 20], True),
        (SQUARE, [10, 10, float("nan"), 15], True),
        (SQUARE, [30, 25, -20, -15], True),
    ],
)
def test_mask_that_contradicts_its_bbox_is_noted(
    tmp_path: Path, polygons: list[list[float]], bbox: object, noted: bool
) -> None:
    (sample,) = open_coco(coco(tmp_path, {"segmentation": polygons, "bbox": bbox}))
    assert sample.notes == ((OTHER_BOX,) if noted else ())


@pytest.mark.parametrize("number", [7, 7.5, "seven", 0])
def test_annotations_of_one_id_are_noted(tmp_path: Path, number: object) -> None:
    (sample,) = open_coco(
        coco(tmp_path, {"segmentation": SQUARE, "id": number}, {"segmentation": SQUARE, "id": number})
    )
    assert sample.notes == (SAME_ID, SAME_ID)


def test_key_that_an_annotation_has_twice_is_refused(tmp_path: Path) -> None:
    folder = coco(tmp_path, {"segmentation": SQUARE})
    path = folder / "annotations/instances_val2014.json"
    path.write_text(path.read_text().replace('"category_id": 18', '"category_id": 17, "category_id": 18'))
    with pytest.raises(AnnotationError, match=r"an annotation of a\.jpg .* has the key 'category_id' twice"):
        open_coco(folder)[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 18, "name": "dog"}, {"id": 18, "name": "cat"}]},
         "two categories of the id 18: 'dog' and 'cat'"),
        ({"images": [{"id": 1, "file_name": "/etc/a.jpg", "width": 60, "height": 40}]}, "leads out of"),
        ({"images": [{"id": 1, "file_name": "../a.jpg", "width": 60, "height": 40}]}, "leads out of"),
        ({"images": [{"id": 1, "file_name": "x\\..\\..\\a.jpg", "width": 60, "height": 40}]}, "leads out of"),
        ({"images": [{"id": 1, "file_name": "C:\\a.jpg", "width": 60, "height": 40}]}, "leads out of"),
    ],
)  # fmt: skip
def test_instances_that_cannot_be_meant_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RaybenchError, match=message):
        open_coco(coco(tmp_path, {"segmentation": SQUARE}, **changes))


def test_member_that_the_file_has_twice_is_refused(tmp_path: Path) -> None:
    folder = coco(tmp_path, {"segmentation": SQUARE})
    path = folder / "annotations/instances_val2014.json"
    path.write_text(path.read_text()[:-1] + ', "annotations": []}')
    with pytest.raises(RaybenchError, match="has the member 'annotations' twice"):
        open_coco(folder)


def test_backslashes_of_a_file_name_are_read_as_folders(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "night\\a.jpg", "width": 60, "height": 40}
    folder = coco(tmp_path, {"segmentation": SQUARE}, images=[image])
    (folder / "val2014/night").mkdir()
    (folder / "val2014/a.jpg").rename(folder / "val2014/night/a.jpg")
    (sample,) = open_coco(folder)
    assert (sample.image_id, len(sample.queries)) == ("a", 1)


def test_swapped_size_of_an_image_is_refused(tmp_path: Path) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 40, "height": 60}
    with pytest.raises(AnnotationError, match=r"json: a\.jpg: the annotation's size is 40 x 60 .* swapped"):
        open_coco(coco(tmp_path, {"segmentation": SQUARE}, images=[image]))[0]


def test_real_annotations_contradict_nothing(real_data: Path) -> None:
    notes = {note for sample in open_coco(real_data / "coco") for note in sample.notes}
    assert not {OTHER_BOX, OTHER_AREA, OUTSIDE, SAME_ID, TURNED} & notes


def edited(folder: Path, change: Callable[[str], str]) -> Path:
    """Change the text of an instances file that holds one sound annotation."""
    path = coco(folder, {"segmentation": SQUARE}) / "annotations/instances_val2014.json"
    path.write_text(change(path.read_text()), encoding="utf-8")
    return folder


# masks


@pytest.mark.parametrize(
    "empty", [[], [[1, 1, 5, 5]], [[1, 1, 1, 1, 1, 1]], {"size": [40, 60], "counts": [2400]}]
)
def test_annotation_without_pixels_beside_others_of_its_class_is_noted(tmp_path: Path, empty: object) -> None:
    (sample,) = open_coco(coco(tmp_path, {"segmentation": SQUARE}, {"segmentation": empty}))
    assert (sample.notes, int(sample.queries[0].region.mask().sum())) == ((EMPTY_PART,), 300)


@pytest.mark.parametrize("empty", [[], {"size": [40, 60], "counts": [2400]}])
def test_pictures_whose_masks_have_no_pixels_ask_nothing(tmp_path: Path, empty: object) -> None:
    dataset = open_coco(coco(tmp_path, {"segmentation": empty, "bbox": [0, 0, 30, 20]}))
    assert dataset[0].notes == (OTHER_BOX, EMPTY_MASK)
    assert not asks_anything(dataset, [0])


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, "it has no segmentation"),
        ("x", "neither a list of polygons nor run lengths"),
        ([10, 10, 30, 10, 30, 25], "not a flat list of numbers"),
        ([[[10, 10], [30, 10], [30, 25]]], "not a flat list of numbers"),
        ([[10, 10, 30, 10, 30, 25, 10]], "a polygon has 7 numbers; expected pairs of x and y"),
        ([["10", "10", "30", "10", "30", "25"]], "holds something that is not a number"),
        ([[10, 10, None, 10, 30, 25]], "holds something that is not a number"),
        ([[10, 10, float("nan"), 10, 30, 25]], "is not a number, or lies far outside"),
        ([[10, 10, 10**400, 10, 30, 25]], "is not a number, or lies far outside"),
        ([[0, 0, 99_999, 99_999] * 1000], "borders of its polygons are longer than 5,000,000 pixels"),
        ({"size": [40, 60], "counts": [10.5, 2389.5]}, "do not add up"),
        ({"size": [40, 60], "counts": "o" * 300_000}, "do not add up"),  # one number of a million bits
        ({"size": [60, 40], "counts": [0, 2400]}, "for size .60, 40., the picture has .40, 60."),
    ],
)
def test_segmentation_of_another_form_is_refused(tmp_path: Path, segmentation: object, message: str) -> None:
    with pytest.raises(AnnotationError, match=rf"annotation 0 of a\.jpg cannot be used: .*{message}"):
        open_coco(coco(tmp_path, {"segmentation": segmentation}))[0]


@pytest.mark.parametrize(
    ("area", "noted"),
    [(300, False), (290, False), (0, False), (None, False), (0.125, True), (3000, True), ("300", True)],
)
def test_mask_that_contradicts_its_area_is_noted(tmp_path: Path, area: object, noted: bool) -> None:
    (sample,) = open_coco(coco(tmp_path, {"segmentation": SQUARE, "area": area}))
    assert sample.notes == ((OTHER_AREA,) if noted else ())


@pytest.mark.parametrize(("right", "noted"), [(60, False), (61, False), (90, True)])
def test_mask_that_reaches_outside_is_cut_and_noted(tmp_path: Path, right: float, noted: bool) -> None:
    polygon = [[50, 10, right, 10, right, 25, 50, 25]]
    (sample,) = open_coco(coco(tmp_path, {"segmentation": polygon}))
    assert sample.notes == ((OUTSIDE,) if noted else ())
    assert int(sample.queries[0].region.mask().sum()) == 150


# ids, names, text


@pytest.mark.parametrize("number", [2**31 + 1, 2**53 + 1, 2**70, -5, 0])
def test_whole_numbers_of_any_size_are_ids(tmp_path: Path, number: int) -> None:
    image = {"id": number, "file_name": "a.jpg", "width": 60, "height": 40}
    folder = coco(tmp_path, {"segmentation": SQUARE, "image_id": number}, images=[image])
    assert len(open_coco(folder)[0].queries) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('"image_id": 1', '"image_id": "1"'), "'image_id' '1'; expected a whole"),
        (lambda text: text.replace('"image_id": 1', '"image_id": 1.0'), "'image_id' 1.0; expected a whole"),
        (lambda text: text.replace('"id": 1,', '"id": "x",'), "'id' of an image is 'x'; expected a whole"),
        (lambda text: text.replace('"image_id": 1', '"image_id": ' + "1" * 5000), "exceeds the limit"),
        (lambda text: text.replace('"width": 60', '"width": 60, "width": 61'), "has the key 'width' twice"),
        (lambda text: text.replace('"name": "dog"', '"name": "dog", "name": "x"'), "the key 'name' twice"),
        (lambda text: text.replace('"dog"', '"d\\ud800g"'), "category of the name .*expected printable"),
        (lambda text: text + text, "not valid JSON: extra data after the end"),
        (lambda text: text[:-1] + ', "info": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
    ids=range(9),
)  # fmt: skip
def test_text_that_cannot_be_meant_is_refused(
    tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    with pytest.raises(RaybenchError, match=message):
        open_coco(edited(tmp_path, change))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("http://images.cocodataset.org/val2014/a.jpg", "an address; expected a path below"),
        ("s3://bucket/a.jpg", "an address"),
        ("\\\\host\\share\\a.jpg", "leads out"),
        ("", "expected the printable name of a file"),
        ("night/", "expected the printable name of a file"),
        ("a\n.jpg", "expected the printable name"),
        ("a\0.jpg", "expected the printable name"),
        ("a\ud800.jpg", "expected the printable name"),
        ("a" * 2000 + ".jpg", "expected the printable name"),
    ],
)
def test_file_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str, message: str) -> None:
    image = {"id": 1, "file_name": name, "width": 60, "height": 40}
    with pytest.raises(RaybenchError, match=message):
        open_coco(coco(tmp_path, {"segmentation": SQUARE}, images=[image]))


def test_missing_picture_is_told_with_the_one_of_another_case(tmp_path: Path) -> None:
    folder = coco(tmp_path, {"segmentation": SQUARE})
    (folder / "val2014/a.jpg").rename(folder / "val2014/A.JPG")
    with pytest.raises(UnreadableImageError, match="no such file; there is 'A.JPG', whose letters differ"):
        open_coco(folder)[0]


def test_picture_behind_a_link_out_of_the_folder_is_refused_but_a_linked_folder_is_not(
    tmp_path: Path,
) -> None:
    folder = coco(tmp_path / "in", {"segmentation": SQUARE})
    (folder / "val2014").rename(tmp_path / "far")
    (folder / "val2014").symlink_to(tmp_path / "far")
    assert len(open_coco(folder)[0].queries) == 1
    (tmp_path / "far/a.jpg").rename(tmp_path / "a.jpg")
    (tmp_path / "far/a.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(
        AnnotationError, match=r"json: a\.jpg leads by a link out of .*val2014; copy the file"
    ):
        open_coco(folder)[0]


@pytest.mark.parametrize("used", [(18,), (18, 3)])
def test_two_categories_of_one_name_are_refused_where_both_are_used(
    tmp_path: Path, used: tuple[int, ...]
) -> None:
    annotations = [{"segmentation": SQUARE, "category_id": number} for number in used]
    folder = coco(tmp_path, *annotations, categories=[{"id": 3, "name": "dog"}, {"id": 18, "name": "dog"}])
    if len(used) == 1:
        assert open_coco(folder)[0].notes == ()
        return
    with pytest.raises(RaybenchError, match="annotations of two categories of the name 'dog'"):
        open_coco(folder)
