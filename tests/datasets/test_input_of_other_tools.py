"""Pictures and annotations as other tools write them: read rightly, refused in one sentence, or noted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from raybench.base import Box, RaybenchError, Size
from raybench.benchmark.datasets import DATASETS, AnnotationError, BoxRegion, Dataset, Query, Sample
from raybench.benchmark.datasets.pictures import NOT_TURNED, SIZE_DIFFERS, TURNED
from raybench.benchmark.datasets.readers.coco import OTHER_BOX, SAME_ID
from raybench.benchmark.loading import Needs, PreparedImages
from raybench.benchmark.running import evaluate
from raybench.benchmark.suite import PROTOCOLS, Settings, Suite

BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
DOG = 11


def voc(folder: Path, objects: str, size: tuple[int, int] | None = (60, 40), exif: int = 1) -> Path:
    """Write one picture of 60 x 40 pixels with its XML, which gives the size (width, height)."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    tags = PIL.Image.Exif()
    tags[0x0112] = exif
    PIL.Image.fromarray(levels).save(folder / "JPEGImages/a.jpg", quality=95, exif=tags)
    said = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    (folder / "Annotations/a.xml").write_text(f"<annotation>{said}{objects}</annotation>")
    return folder


def dog(*parts: str) -> str:
    return f"<object><name>dog</name>{''.join(parts)}</object>"


def open_voc(folder: Path, protocol: str = "aaai21-clamped", **options: object) -> Dataset:
    return DATASETS.get("voc").open(folder, PROTOCOLS[protocol], options=options)


# the way up


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_lying_picture_with_a_standing_annotation_is_turned(tmp_path: Path, orientation: int) -> None:
    (sample,) = open_voc(voc(tmp_path, dog(BOX.format(20, 30)), size=(40, 60), exif=orientation))
    stored = PIL.Image.open(tmp_path / "JPEGImages/a.jpg")
    expected = {5: 5, 6: 4, 7: 6, 8: 2}[
        orientation
    ]  # PIL's names of the same: transpose, 270, transverse, 90
    assert np.array_equal(sample.image, stored.transpose(PIL.Image.Transpose(expected)).convert("RGB"))
    assert (sample.size, sample.notes) == (Size(60, 40), (TURNED,))
    assert sample.queries[0].region.boxes == (Box(0, 0, 19, 29),)


def test_turned_picture_that_was_reduced_is_scored_at_the_annotations_size(tmp_path: Path) -> None:
    (sample,) = open_voc(voc(tmp_path, dog(BOX.format(40, 60)), size=(80, 120), exif=6))
    assert (sample.size, sample.image.size) == (Size(120, 80), (40, 60))
    assert sample.notes == (TURNED, SIZE_DIFFERS)


@pytest.mark.parametrize("size", [(60, 40), None])
@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_picture_annotated_as_stored_is_left_as_it_is_and_noted(
    tmp_path: Path, size: tuple[int, int] | None, orientation: int
) -> None:
    (sample,) = open_voc(voc(tmp_path, dog(BOX.format(20, 30)), size=size, exif=orientation))
    assert (sample.size, sample.notes) == (Size(40, 60), (NOT_TURNED,))


def test_swapped_size_without_an_orientation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"a\.xml: the annotation's size is 40 x 60 .*are swapped"):
        open_voc(voc(tmp_path, dog(BOX.format(20, 30)), size=(40, 60)))[0]


# XML


@pytest.mark.parametrize("word", ["1", "True", "yes", "1.0", " TRUE "])
def test_difficult_is_understood_as_a_word(tmp_path: Path, word: str) -> None:
    folder = voc(tmp_path, dog(f"<difficult>{word}</difficult>", BOX.format(20, 30)))
    assert open_voc(folder, "iccv19")[0].queries == ()


@pytest.mark.parametrize("word", ["0", "False", "no", "0.0", ""])
def test_not_difficult_is_understood_as_a_word(tmp_path: Path, word: str) -> None:
    folder = voc(tmp_path, dog(f"<difficult>{word}</difficult>", BOX.format(20, 30)))
    assert len(open_voc(folder, "iccv19")[0].queries) == 1


def test_other_word_for_difficult_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        AnnotationError, match="<difficult> of the object 'dog' is 'perhaps'; expected 1 or 0"
    ):
        open_voc(voc(tmp_path, dog("<difficult>perhaps</difficult>", BOX.format(20, 30))))[0]


def test_all_boxes_of_an_object_make_its_region(tmp_path: Path) -> None:
    second = "<bndbox><xmin>31</xmin><ymin>21</ymin><xmax>60</xmax><ymax>40</ymax></bndbox>"
    (sample,) = open_voc(voc(tmp_path, dog(BOX.format(30, 20), second)))
    assert sample.queries[0].region.boxes == (Box(0, 0, 29, 19), Box(30, 20, 59, 39))
    assert sample.queries[0].region.mask().mean() == 0.5


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (dog("<name>cat</name>", BOX.format(2, 2)), "the <?object>? has <name> 2 times; expected one"),
        (
            dog(BOX.format(2, 2).replace("</ymin>", "</ymin><xmin>5</xmin>")),
            "box of 'dog' has <xmin> 2 times",
        ),
        (dog("<difficult>0</difficult>" * 2, BOX.format(2, 2)), "'dog' has <difficult> 2 times"),
        ("<size><width>1</width><height>1</height></size>" + dog(BOX.format(2, 2)), "has <size> 2 times"),
    ],
)
def test_part_that_is_there_twice_is_refused(tmp_path: Path, objects: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        open_voc(voc(tmp_path, objects))[0]


# lists


@pytest.mark.parametrize("text", ["a 1\nb -1\nc 0\n", "\ufeffa +1\r\nb -1\r\n"])
def test_split_of_one_class_holds_the_pictures_marked_one(tmp_path: Path, text: str) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (folder / "ImageSets/Main/dog_test.txt").write_text(text, encoding="utf-8")
    assert open_voc(folder, split="dog_test").image_ids == ("a",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1\nb -1\na 1\n", r"test\.txt, line 3: the picture 'a' is named twice"),
        ("a\na\n", "line 2: the picture 'a' is named twice"),
        ("a 2\n", "line 1: expected an image id, and for a list of one class 1, 0 or -1; not 'a 2'"),
        ("a 1 2\n", "line 1: expected"),
        ("a -1\n", "names no picture"),
    ],
)
def test_bad_split_is_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (folder / "ImageSets/Main/test.txt").write_text(text)
    with pytest.raises(RaybenchError, match=message):
        open_voc(folder, split="test")


def test_list_that_names_a_picture_twice_is_refused(tmp_path: Path) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (tmp_path / "ids.txt").write_text("a.jpg\nsub\\A.JPG\na\n")
    with pytest.raises(RaybenchError, match=r"ids\.txt names 'a' twice"):
        open_voc(folder, list=str(tmp_path / "ids.txt"))


# COCO


SQUARE = [[10, 10, 30, 10, 30, 25, 10, 25]]


def coco(folder: Path, *annotations: dict[str, Any], text: str = "", **changes: Any) -> Path:
    """Write a picture of 60 x 40 pixels and an instances file."""
    for name in ("val2014", "annotations"):
        (folder / name).mkdir(exist_ok=True)
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
        (SQUARE, [10, 10, 20, "15"], False),
    ],
)
def test_mask_that_contradicts_its_bbox_is_noted(
    tmp_path: Path, polygons: list[list[float]], bbox: object, noted: bool
) -> None:
    (sample,) = open_coco(coco(tmp_path, {"segmentation": polygons, "bbox": bbox}))
    assert sample.notes == ((OTHER_BOX,) if noted else ())


def test_annotations_of_one_id_are_noted(tmp_path: Path) -> None:
    (sample,) = open_coco(
        coco(tmp_path, {"segmentation": SQUARE, "id": 7}, {"segmentation": SQUARE, "id": 7})
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
    assert not {OTHER_BOX, SAME_ID, TURNED} & notes


# whole runs


def test_class_folders_without_boxes_are_refused_before_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "in/val/n01440764"
    folder.mkdir(parents=True)
    for number in range(3):
        PIL.Image.new("RGB", (40, 30)).save(folder / f"p{number}.JPEG")
    suite = Suite(
        name="s",
        protocol="aaai21",
        dataset="imagenet",
        attributions=["uniform"],
        metrics=["content_heatmap"],
    )
    with pytest.raises(RaybenchError, match="no region in any picture, no box and no mask"):
        evaluate(suite, Settings(data={"imagenet": tmp_path / "in"}, out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_picture_of_extreme_shape_is_skipped_by_name() -> None:
    region = BoxRegion(Size(1, 20_000), (Box(0, 0, 9, 0),))
    image = PIL.Image.new("RGB", (20_000, 1))
    sample = Sample("a", Size(1, 20_000), image, (Query(3, region),), (3,))

    class One:
        image_ids = ("a",)

        def __getitem__(self, index: int) -> Sample:
            return sample

        def path_of(self, index: int) -> str:
            return "a.png"

    needs = Needs(frozenset({"whole"}), masks=True)
    prepared = PreparedImages(One(), [0], PROTOCOLS["aaai21"], needs, 0)[0]
    assert prepared.error.startswith(
        "a.png is 20000 x 1 pixels, and 8960000 x 448 with a shorter side of 448"
    )
    assert "too long and narrow" in prepared.error
