"""ImageNet in each layout, on hand-made boxes and on the real pictures."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets import DATASETS, Box, BoxRegion, Dataset, Query, Size
from raybench.benchmark.datasets.files import files_in
from raybench.benchmark.datasets.layouts.boxes import CLAMPED, EMPTY_SLICE
from raybench.benchmark.datasets.pictures import SIZE_DIFFERS, read_picture
from raybench.benchmark.datasets.readers.imagenet import FOLDER_DIFFERS, NOT_ANNOTATED
from raybench.benchmark.datasets.sample import AnnotationError, UnreadableImageError
from raybench.benchmark.suite.protocol import protocol_from

CLAMPING = protocol_from("aaai21", {"legacy_boxes": False})
SIZE = Size(height=30, width=40)


@pytest.fixture
def open_folder(animals_file: Path) -> Callable[..., Dataset]:
    """Open a folder with the three animal classes."""

    def open_it(root: Path, protocol: str = "aaai21", *, legacy: bool = False, **options: object) -> Dataset:
        rules = protocol_from(protocol, {"legacy_boxes": legacy})
        return DATASETS.get("imagenet").open(root, rules, options={"classes": str(animals_file), **options})

    return open_it


LAYOUTS = {
    "flat, xml beside": ("val", "val"),
    "flat, annotation/": ("val", "annotation"),
    "flat, annotations/": ("val", "annotations"),
    "flat, val/annotation/": ("val", "val/annotation"),
    "the folder itself": ("", ""),
    "the folder itself, annotation/": ("", "annotation"),
    "class folders, xml beside": ("val/bee", "val/bee"),
    "class folders, Annotations/CLS-LOC/val/": ("val/bee", "Annotations/CLS-LOC/val"),
    "kaggle": ("ILSVRC/Data/CLS-LOC/val", "ILSVRC/Annotations/CLS-LOC/val"),
    "kaggle, inside ILSVRC/": ("Data/CLS-LOC/val", "Annotations/CLS-LOC/val"),
}


@pytest.mark.parametrize(("pictures", "annotations"), LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_sample(
    tmp_path: Path,
    open_folder: Callable[..., Dataset],
    write_picture,
    write_xml,
    pictures: str,
    annotations: str,
) -> None:
    root = tmp_path / "data"
    picture = write_picture(root / pictures / "one.JPEG")
    write_xml(root / annotations / "one.xml", [("bee", (3, 5, 20, 6))])
    dataset = open_folder(root)
    (sample,) = dataset
    assert (dataset.image_ids, dataset.path_of(0)) == (("one",), str(picture))
    assert (dataset.name, dataset.multilabel, dataset.has_images) == ("imagenet", False, True)
    assert (sample.image_id, sample.size, sample.targets, sample.notes) == ("one", SIZE, (1,), ())
    assert sample.queries == (Query(1, BoxRegion(SIZE, (Box(2, 4, 19, 5),))),)
    np.testing.assert_array_equal(sample.image, PIL.Image.open(picture))


def test_query_is_about_the_first_object_and_unites_its_class(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg")
    objects = [
        ("cow", (1, 1, 2, 2)),
        ("ape", (5, 5, 6, 6)),
        ("cow", (39, 29, 40, 30)),
        ("unknown", (1, 1, 2, 2)),
    ]
    write_xml(tmp_path / "val/one.xml", objects)
    (sample,) = open_folder(tmp_path)
    assert sample.targets == (2,)
    assert sample.queries == (Query(2, BoxRegion(SIZE, (Box(0, 0, 1, 1), Box(38, 28, 39, 29)))),)


def test_every_class_is_asked_about_in_order_where_the_protocol_says_so(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg")
    write_xml(tmp_path / "val/one.xml", [("cow", (1, 1, 2, 2)), ("ape", (5, 5, 6, 6))])
    (sample,) = open_folder(tmp_path, "iccv19")
    assert [query.class_index for query in sample.queries] == [0, 2]
    assert sample.targets == (2,)


def test_box_from_0_is_clamped_or_selects_nothing_under_legacy_boxes(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg")
    write_xml(tmp_path / "val/one.xml", [("ape", (0, 5, 20, 6))])
    (sample,) = open_folder(tmp_path)
    assert (sample.queries[0].region.boxes, sample.notes) == ((Box(0, 4, 19, 5),), (CLAMPED,))
    (sample,) = open_folder(tmp_path, legacy=True)
    assert (sample.queries[0].region.boxes, sample.notes) == ((), (EMPTY_SLICE,))


def test_regions_are_given_at_the_size_of_the_annotation(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg", width=40, height=30)
    write_xml(tmp_path / "val/one.xml", [("ape", (70, 1, 80, 5))], size=(80, 60))
    (sample,) = open_folder(tmp_path)
    assert (sample.size, sample.image.size, sample.notes) == (Size(60, 80), (40, 30), (SIZE_DIFFERS,))
    assert sample.queries[0].region.mask().shape == (60, 80)


def test_annotation_without_size_takes_the_pictures(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg", width=17, height=11)
    write_xml(tmp_path / "val/one.xml", [("ape", (1, 1, 5, 5))], size=None)
    (sample,) = open_folder(tmp_path)
    assert (sample.size, sample.notes) == (Size(height=11, width=17), ())


def test_class_folders_without_annotations_serve_accuracy(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture
) -> None:
    write_picture(tmp_path / "val/cow/b.JPG")
    write_picture(tmp_path / "val/ape/c.Png")
    dataset = open_folder(tmp_path)
    assert [(s.image_id, s.targets, s.queries, s.notes) for s in dataset] == [
        ("b", (2,), (), ()),
        ("c", (0,), (), ()),
    ]


def test_class_folder_picture_without_annotation_beside_annotated_ones_is_noted(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/cow/a.JPEG")
    write_picture(tmp_path / "val/cow/b.JPEG")
    write_xml(tmp_path / "val/cow/b.xml", [("ape", (1, 1, 5, 5))])
    first, second = open_folder(tmp_path)
    assert (first.targets, first.notes) == ((2,), (NOT_ANNOTATED,))
    assert (second.targets, second.notes) == ((0,), (FOLDER_DIFFERS,))


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_pictures_of_any_mode_come_in_rgb(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml, mode: str
) -> None:
    write_picture(tmp_path / "val/one.jpg", mode=mode)
    write_xml(tmp_path / "val/one.xml", [("ape", (1, 1, 5, 5))])
    assert open_folder(tmp_path)[0].image.mode == "RGB"


def test_grey_of_16_bits_keeps_its_upper_8_bits(tmp_path: Path) -> None:
    # 0x1234 is grey 0x12 of 255; Pillow's own conversion clips it to white
    PIL.Image.fromarray(np.array([[0x0000, 0x1234, 0x80FF, 0xFFFF]], dtype=np.uint16)).save(
        tmp_path / "a.png"
    )
    picture = read_picture(tmp_path / "a.png")
    assert picture.mode == "RGB"
    assert np.asarray(picture)[0].tolist() == [[level] * 3 for level in (0x00, 0x12, 0x80, 0xFF)]


def test_folder_named_like_a_picture_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").mkdir()
    with pytest.raises(UnreadableImageError, match=r"cannot read .*one\.jpg: is a directory$"):
        read_picture(tmp_path / "one.jpg")


def test_exif_orientation_is_not_applied(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_xml
) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6  # turn by 90 degrees
    (tmp_path / "val").mkdir()
    PIL.Image.new("RGB", (40, 30)).save(tmp_path / "val/one.jpg", exif=exif)
    write_xml(tmp_path / "val/one.xml", [("ape", (1, 1, 5, 5))])
    assert open_folder(tmp_path)[0].image.size == (40, 30)


def test_flat_picture_without_annotation_fails_when_it_is_read(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg")
    write_picture(tmp_path / "val/two.jpg")
    write_xml(tmp_path / "val/two.xml", [("ape", (1, 1, 5, 5))])
    dataset = open_folder(tmp_path)
    with pytest.raises(AnnotationError, match=r"one\.jpg has no annotation; no one\.xml was found"):
        dataset[0]
    assert dataset[1].targets == (0,)


def test_annotation_without_picture_is_listed_and_fails_when_it_is_read(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg")
    for name in ("one", "two"):
        write_xml(tmp_path / f"annotations/{name}.xml", [("ape", (1, 1, 5, 5))])
    dataset = open_folder(tmp_path)
    assert dataset.image_ids == ("one", "two")
    with pytest.raises(UnreadableImageError, match=r"cannot read .*val/two\.JPEG: no such file"):
        dataset[1]


DAMAGED = {"empty": b"", "text": b"not a picture", "cut off": None}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_picture_is_named(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml, content: bytes | None
) -> None:
    path = write_picture(tmp_path / "val/one.jpg")
    path.write_bytes(path.read_bytes()[:700] if content is None else content)
    write_xml(tmp_path / "val/one.xml", [("ape", (1, 1, 5, 5))])
    with pytest.raises(UnreadableImageError, match=r"cannot read .*one\.jpg"):
        open_folder(tmp_path)[0]


def test_unknown_class_is_named_with_its_file(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg")
    write_xml(tmp_path / "val/one.xml", [("yak", (1, 1, 5, 5))])
    with pytest.raises(
        AnnotationError, match=r"one\.xml: the class 'yak' is not in the class list 'animals'"
    ):
        open_folder(tmp_path)[0]


def test_folder_that_is_no_class_is_refused(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture
) -> None:
    write_picture(tmp_path / "val/yak/one.jpg")
    with pytest.raises(
        RaybenchError, match=r"val/yak holds pictures, but is not named after a class of animals"
    ):
        open_folder(tmp_path)


def test_two_pictures_of_one_id_are_refused(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture
) -> None:
    write_picture(tmp_path / "val/ape/one.jpg")
    write_picture(tmp_path / "val/bee/one.jpg")
    with pytest.raises(RaybenchError, match=r"share the id 'one': val/ape/one\.jpg and val/bee/one\.jpg"):
        open_folder(tmp_path)


def test_folder_without_pictures_is_refused_with_what_was_looked_for(
    tmp_path: Path, open_folder: Callable[..., Dataset]
) -> None:
    with pytest.raises(
        RaybenchError, match=r"no pictures in .*: looked for val/\*\.JPEG, val/<class>/\*\.JPEG"
    ):
        open_folder(tmp_path)


def test_fingerprint_follows_the_content_and_not_the_place(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    for layout, folder in (("a", "val"), ("b", "annotations")):
        write_picture(tmp_path / layout / "val/one.jpg")
        write_xml(tmp_path / layout / folder / "one.xml", [("ape", (1, 1, 5, 5))])
    first = open_folder(tmp_path / "a").fingerprint()
    assert len(first) == 64
    assert open_folder(tmp_path / "b").fingerprint() == first
    write_xml(tmp_path / "a/val/one.xml", [("ape", (1, 1, 5, 6))])
    changed = open_folder(tmp_path / "a").fingerprint()
    write_picture(tmp_path / "b/val/two.jpg")
    assert len({first, changed, open_folder(tmp_path / "b").fingerprint()}) == 3


def test_fingerprint_of_listed_images_is_that_of_a_folder_with_only_those(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    for folder, names in (("all", ("one", "two")), ("some", ("two",))):
        for name in names:
            write_picture(tmp_path / folder / f"val/{name}.jpg")
            write_xml(tmp_path / folder / f"val/{name}.xml", [("ape", (1, 1, 5, 5))])
    (tmp_path / "ids.txt").write_text("val/two.jpg\n")
    listed = open_folder(tmp_path / "all", list=str(tmp_path / "ids.txt"))
    assert listed.image_ids == ("two",)
    assert listed.fingerprint() == open_folder(tmp_path / "some").fingerprint()


def test_real_pictures_have_the_known_counts(real_data: Path) -> None:
    dataset = DATASETS.get("imagenet").open(real_data / "imagenet", CLAMPING)
    samples = list(dataset)
    assert len(dataset) == 23
    assert list(dataset.image_ids) == sorted(dataset.image_ids)
    assert sum(len(query.region.boxes) for sample in samples for query in sample.queries) == 46
    assert len({sample.targets for sample in samples}) == 23
    assert [sample.notes for sample in samples if sample.notes] == [(CLAMPED,)] * 4
    assert all(sample.size == sample.image.size[::-1] for sample in samples)


def test_real_boxes_that_start_at_0_are_lost_under_the_published_rule(real_data: Path) -> None:
    dataset = DATASETS.get("imagenet").open(
        real_data / "imagenet", protocol_from("aaai21", {"legacy_boxes": True})
    )
    left = [len(query.region.boxes) for sample in dataset for query in sample.queries]
    assert (len(left), sum(left), left.count(0)) == (23, 42, 2)


def test_real_labels_are_those_of_the_metadata(real_data: Path) -> None:
    # an independent source of the same labels: class indices, in place of synsets
    labels = dict(
        line.split(",")
        for line in (real_data / "imagenet/all_val_boxes/class_labels.txt").read_text().split()
    )
    for folder in ("imagenet", "imagenet_227"):
        dataset = DATASETS.get("imagenet").open(real_data / folder, CLAMPING)
        for sample in dataset:
            assert sample.targets == (int(labels[f"val/{sample.image_id}.JPEG"]),)


def test_boxes_without_pictures_give_the_regions_of_the_real_pictures(real_data: Path) -> None:
    pictures = DATASETS.get("imagenet").open(real_data / "imagenet", CLAMPING)
    boxes = DATASETS.get("imagenet_boxes").open(real_data / "imagenet/all_val_boxes", CLAMPING)
    for sample in pictures:
        twin = boxes[boxes.image_ids.index(sample.image_id)]
        assert (twin.size, twin.targets, twin.queries) == (sample.size, sample.targets, sample.queries)


def test_real_pictures_in_class_folders_give_the_same_samples(real_data: Path, tmp_path: Path) -> None:
    flat = DATASETS.get("imagenet").open(real_data / "imagenet", CLAMPING)
    for index, image_id in enumerate(flat.image_ids):
        synset = flat.classes.ids[flat[index].targets[0]]
        (tmp_path / "val" / synset).mkdir(parents=True, exist_ok=True)
        shutil.copy(flat.path_of(index), tmp_path / "val" / synset / f"{image_id}.JPEG")
        (tmp_path / "Annotations/CLS-LOC/val").mkdir(parents=True, exist_ok=True)
        shutil.copy(
            Path(flat.path_of(index)).with_suffix(".xml"),
            tmp_path / f"Annotations/CLS-LOC/val/{image_id}.xml",
        )
    nested = DATASETS.get("imagenet").open(tmp_path, CLAMPING)
    assert nested.image_ids == flat.image_ids
    for one, other in zip(nested, flat, strict=True):
        assert (one.queries, one.targets, one.notes) == (other.queries, other.targets, other.notes)


def test_dataset_survives_pickling(
    tmp_path: Path, open_folder: Callable[..., Dataset], write_picture, write_xml
) -> None:
    write_picture(tmp_path / "val/one.jpg")
    write_xml(tmp_path / "val/one.xml", [("ape", (1, 1, 5, 5))])
    dataset = open_folder(tmp_path)
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy[0].queries == dataset[0].queries
    assert copy.fingerprint() == dataset.fingerprint()


def test_file_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.jpg")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(
        RaybenchError, match=r"a file name in .* is not printable UTF-8: b'caf\\xe9.jpg'; rename the file"
    ):
        files_in(tmp_path, (".jpg",))
