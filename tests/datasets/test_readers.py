"""What all readers share: the registry, options, class lists and image lists."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.benchmark.datasets import DATASETS, DatasetReader
from raybench.benchmark.suite.protocol import PROTOCOLS
from raybench.checkpoints.classes import load_classes

AAAI21 = PROTOCOLS["aaai21"]
READERS = list(DATASETS)
OF = {"of": "imagenet"}


def needed(reader: DatasetReader) -> dict[str, str]:
    """The options without which a reader opens nothing."""
    return OF if reader.composed else {}


def test_readers_are_the_documented_ones() -> None:
    assert {reader.name for reader in READERS} >= {
        "imagenet",
        "imagenet_boxes",
        "coco",
        "voc",
        "shapes",
        "shapes_coco",
        "grid",
    }


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_reader_says_what_it_reads(reader: DatasetReader) -> None:
    assert reader.summary.endswith(".")
    assert len(reader.summary) < 110
    assert reader.options.keys() >= {"classes", "list"}
    if reader.classes and not reader.classes.endswith(".txt") and not reader.composed:
        assert len(load_classes(reader.classes)) in (20, 80, 1000)
    assert all(
        parameter.default is not inspect.Parameter.empty
        for parameter in inspect.signature(reader.function).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    )


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_reader_refuses_a_missing_and_an_empty_folder(reader: DatasetReader, tmp_path: Path) -> None:
    with pytest.raises(RaybenchError, match="gone, which does not exist"):
        reader.open(tmp_path / "gone", AAAI21, options=needed(reader))
    with pytest.raises(RaybenchError, match=re.escape(str(tmp_path))):
        reader.open(tmp_path, AAAI21, options=needed(reader))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_every_reader_refuses_options_it_does_not_have(reader: DatasetReader, tmp_path: Path) -> None:
    with pytest.raises(
        RaybenchError, match=rf"dataset '{reader.name}' has no option 'clases'; did you mean 'classes'"
    ):
        reader.open(tmp_path, AAAI21, options={"clases": "x", **needed(reader)})
    with pytest.raises(RaybenchError, match=r"has no option 'wibble'; its options: .*classes, list"):
        reader.open(tmp_path, AAAI21, options={"wibble": "x", **needed(reader)})


def test_what_is_no_dataset_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    reader = DatasetReader("mine", lambda *given: [], classes="voc20", multilabel=False, folder="mine")
    with pytest.raises(
        RaybenchError, match="'mine': its function returns a list without name, .*fingerprint"
    ):
        reader.open(tmp_path, AAAI21)


def test_unknown_dataset_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown dataset 'imagnet'; did you mean 'imagenet'"):
        DATASETS.get("imagnet")


def test_option_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RaybenchError, match="option 'split' of dataset 'coco' is 2014; expected a str"):
        DATASETS.get("coco").open(tmp_path, AAAI21, options={"split": 2014})


def test_unknown_class_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown class list 'coco90'; did you mean 'coco80'"):
        DATASETS.get("coco").open(tmp_path, AAAI21, options={"classes": "coco90"})


def test_generated_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RaybenchError, match=r"'shapes' expects its class list in .*classes\.txt, which does not exist"
    ):
        DATASETS.get("shapes").open(tmp_path, AAAI21)


@pytest.mark.parametrize(
    ("name", "right", "given"),
    [
        ("voc", "x/VOC2007", "x/VOC2007/JPEGImages"),
        ("cub200", "x/birds", "x"),
        ("coco", "x", "."),
        ("coco", "x", "x/annotations"),
        ("imagenet", "x/in", "."),
        ("imagenet", "x/in", "x/in/val/n01440764"),
    ],
)
def test_folder_a_level_too_high_or_deep_is_refused_with_the_right_one(
    tmp_path: Path, write_picture, name: str, right: str, given: str
) -> None:
    folder = tmp_path / right
    if name == "voc":
        write_picture(folder / "JPEGImages/a.jpg")
        (folder / "Annotations").mkdir()
    elif name == "cub200":
        write_picture(folder / "images/001.Auk/a.jpg")
        (folder / "bounding_boxes.txt").touch()
    elif name == "coco":
        write_picture(folder / "val2014/a.jpg")
        (folder / "annotations").mkdir()
        (folder / "annotations/instances_val2014.json").write_text("{}")
    else:
        write_picture(folder / "val/n01440764/a.JPEG")
    with pytest.raises(RaybenchError, match=re.escape(f"; did you mean {folder.resolve()}?")):
        DATASETS.get(name).open(tmp_path / given, AAAI21)


def test_other_splits_of_coco_are_named(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_val2017.json").write_text("{}")
    with pytest.raises(RaybenchError, match="there are annotations of val2017"):
        DATASETS.get("coco").open(tmp_path, AAAI21)


@pytest.mark.parametrize("split", ["../val", "a/../../b", "/etc"])
def test_split_that_leads_out_of_the_folder_is_refused(tmp_path: Path, split: str) -> None:
    with pytest.raises(RaybenchError, match="option 'split' of dataset 'voc' is .*; expected a plain name"):
        DATASETS.get("voc").open(tmp_path, AAAI21, options={"split": split})


@pytest.fixture
def five_pictures(tmp_path: Path, write_picture) -> Path:
    for number in range(5):
        write_picture(tmp_path / f"val/n01440764/ILSVRC2012_val_{number:08d}.JPEG", width=4, height=3)
    return tmp_path


def test_list_takes_ids_names_and_paths_in_any_order(five_pictures: Path) -> None:
    lines = "val/ILSVRC2012_val_00000004.JPEG\nILSVRC2012_val_00000001.JPEG\n\n  ILSVRC2012_val_00000003 \n"
    (five_pictures / "some.txt").write_text(lines)
    for given in ("some.txt", str(five_pictures / "some.txt")):
        dataset = DATASETS.get("imagenet").open(five_pictures, AAAI21, options={"list": given})
        assert [image_id[-1] for image_id in dataset.image_ids] == ["1", "3", "4"]
        assert [sample.image_id[-1] for sample in dataset] == ["1", "3", "4"]
        assert len(dataset) == 3


BAD_LISTS = {
    "absent image": (
        "ILSVRC2012_val_00000001\nother\n",
        "lists 1 of 2 images that are not in .*, such as 'other'",
    ),
    "empty": ("\n\n", "is empty; expected one image id per line"),
    "missing": (None, "cannot read the image list .*: no such file"),
    "binary": (b"\xff\xfe", "is not UTF-8 text"),
}


@pytest.mark.parametrize(("content", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_bad_list_is_refused(five_pictures: Path, content: str | bytes | None, message: str) -> None:
    path = five_pictures / "some.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RaybenchError, match=message):
        DATASETS.get("imagenet").open(five_pictures, AAAI21, options={"list": str(path)})
