"""Pictures and annotations as other tools write them: read rightly, refused in one sentence, or noted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from raybench.base import Box, RaybenchError, Size
from raybench.benchmark.datasets import DATASETS, AnnotationError, Dataset, UnreadableImageError
from raybench.benchmark.datasets.files import LINKED
from raybench.benchmark.datasets.pictures import MAYBE_TURNED, NOT_TURNED, SIZE_DIFFERS, TURNED
from raybench.benchmark.suite import PROTOCOLS

BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"


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


@pytest.mark.parametrize(
    ("size", "orientation", "note"),
    [
        ((60, 40), 6, NOT_TURNED),
        ((60, 40), 8, NOT_TURNED),
        (None, 6, MAYBE_TURNED),  # nothing tells
        ((60, 40), 2, MAYBE_TURNED),  # mirrored or upside down: of the same size
        ((60, 40), 3, MAYBE_TURNED),
        ((60, 40), 4, MAYBE_TURNED),
    ],
)
def test_picture_that_is_not_known_to_be_turned_is_left_as_it_is_and_noted(
    tmp_path: Path, size: tuple[int, int] | None, orientation: int, note: str
) -> None:
    (sample,) = open_voc(voc(tmp_path, dog(BOX.format(20, 30)), size=size, exif=orientation))
    assert (sample.size, sample.notes) == (Size(40, 60), (note,))


def test_swapped_size_without_an_orientation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"a\.xml: the annotation's size is 40 x 60 .*are swapped"):
        open_voc(voc(tmp_path, dog(BOX.format(20, 30)), size=(40, 60)))[0]


# XML


@pytest.mark.parametrize("word", ["1", "True", "yes", "1.0", " TRUE ", "1.00", "+1", "on"])
def test_difficult_is_understood_as_a_word(tmp_path: Path, word: str) -> None:
    folder = voc(tmp_path, dog(f"<difficult>{word}</difficult>", BOX.format(20, 30)))
    assert open_voc(folder, "iccv19")[0].queries == ()


@pytest.mark.parametrize("word", ["0", "False", "no", "0.0", "", "  ", "None", "-0"])
def test_not_difficult_is_understood_as_a_word(tmp_path: Path, word: str) -> None:
    folder = voc(tmp_path, dog(f"<difficult>{word}</difficult>", BOX.format(20, 30)))
    assert len(open_voc(folder, "iccv19")[0].queries) == 1


@pytest.mark.parametrize(
    "item", ['<object difficult="1"><name>dog</name>{}</object>', dog("<Difficult>1</Difficult>", "{}")]
)
def test_difficult_is_seen_as_an_attribute_and_in_capitals(tmp_path: Path, item: str) -> None:
    assert open_voc(voc(tmp_path, item.format(BOX.format(20, 30))), "iccv19")[0].queries == ()


@pytest.mark.parametrize("number", ["nan", "inf", "1e400", "1,5", "3_0", "٣", "", "0x1f"])
def test_corner_that_is_no_plain_number_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(AnnotationError, match=r"a\.xml: <xmax> of the box of 'dog' is .*expected a number"):
        open_voc(voc(tmp_path, dog(BOX.format(number, 30))))[0]


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
        ("a 1\nb\n", "line 2: some lines have a mark"),
        ("a\nb 1\n", "line 2: some lines have a mark"),
    ],
)
def test_bad_split_is_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (folder / "ImageSets/Main/test.txt").write_text(text)
    with pytest.raises(RaybenchError, match=message):
        open_voc(folder, split="test")


@pytest.mark.parametrize("text", ["a.jpg\n", "JPEGImages\\a.JPG  \r\n", "\ufeffa\t\n\n"])
def test_split_may_name_files(tmp_path: Path, text: str) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (folder / "ImageSets/Main/test.txt").write_text(text, encoding="utf-8")
    assert open_voc(folder, split="test").image_ids == ("a",)


def test_split_may_name_a_picture_with_blanks_and_a_number(tmp_path: Path) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    for old in (folder / "JPEGImages/a.jpg", folder / "Annotations/a.xml"):
        old.rename(old.with_stem("my dog 1"))
    (folder / "ImageSets/Main/test.txt").write_text("my dog 1\n")
    assert len(open_voc(folder, split="test")[0].queries) == 1


def test_year_whose_lists_divide_it_wants_a_split(tmp_path: Path) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (folder / "ImageSets/Main/train.txt").write_text("a\n")
    assert open_voc(folder).image_ids == ("a",)  # the list divides nothing
    (folder / "Annotations/b.xml").write_text((folder / "Annotations/a.xml").read_text())
    with pytest.raises(
        RaybenchError, match="holds the splits train, and none was chosen: .* or 'all' for ever"
    ):
        open_voc(folder)
    assert open_voc(folder, split="all").image_ids == ("a", "b")


def test_annotation_without_its_picture_is_not_left_out_in_silence(tmp_path: Path) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (folder / "Annotations/B.XML").write_text((folder / "Annotations/a.xml").read_text())
    with pytest.raises(UnreadableImageError, match=r"cannot read .*B\.jpg: no such file"):
        open_voc(folder)[0]


@pytest.mark.parametrize("name", ["JPEGImages/a.PNG", "Annotations/a.XML"])
def test_two_files_of_one_id_are_refused(tmp_path: Path, name: str) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (folder / name).write_bytes(b"")
    with pytest.raises(RaybenchError, match="share the id 'a': .*; remove or rename one"):
        open_voc(folder)


def test_picture_that_is_a_link_out_of_the_folder_is_noted(tmp_path: Path) -> None:
    folder = voc(tmp_path / "in", dog(BOX.format(2, 2)))
    (folder / "JPEGImages/a.jpg").rename(tmp_path / "a.jpg")
    (folder / "JPEGImages/a.jpg").symlink_to(tmp_path / "a.jpg")
    assert open_voc(folder)[0].notes == (LINKED,)


def test_list_that_names_a_picture_twice_is_refused(tmp_path: Path) -> None:
    folder = voc(tmp_path, dog(BOX.format(2, 2)))
    (tmp_path / "ids.txt").write_text("a.jpg\nsub\\A.JPG\na\n")
    with pytest.raises(RaybenchError, match=r"ids\.txt names 'a' twice"):
        open_voc(folder, list=str(tmp_path / "ids.txt"))
