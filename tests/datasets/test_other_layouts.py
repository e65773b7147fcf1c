"""COCO and VOC in every layout that people keep them in, and what is said of a folder that is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from raybench.base import RaybenchError
from raybench.benchmark.datasets import DATASETS
from raybench.benchmark.suite import PROTOCOLS

Write = Callable[..., Path]
RULES = PROTOCOLS["iccv19"]
WIDTH, HEIGHT = 40, 30
NAMES = [f"{number:012d}.jpg" for number in range(1, 11)]


def instances(prefix: str) -> str:
    """Ten pictures with one dog each, in another place."""
    images = [
        {"id": n, "file_name": f"{prefix}{name}", "width": WIDTH, "height": HEIGHT}
        for n, name in enumerate(NAMES)
    ]
    masks = [[[n, n, n + 9, n, n + 9, n + 9, n, n + 9]] for n in range(len(NAMES))]
    annotations = [
        {"id": n, "image_id": n, "category_id": 18, "segmentation": mask} for n, mask in enumerate(masks)
    ]
    return json.dumps(
        {"images": images, "categories": [{"id": 18, "name": "dog"}], "annotations": annotations}
    )


class Layout(NamedTuple):
    """Where a tree of COCO has what.

    Attributes:
        given: the folder that is named.
        split: that is asked for.
        folder: of the pictures.
        prefix: of their names.
        source: the file of instances.
        written: prefix of the names there.
    """

    given: str = ""
    split: str = "val2017"
    folder: str = "val2017"
    prefix: str = ""
    source: str = "annotations/instances_val2017.json"
    written: str = ""


OF_2014 = Layout(
    "", "val2014", "val2014", "COCO_val2014_", "annotations/instances_val2014.json", "COCO_val2014_"
)
MINIVAL = OF_2014._replace(split="minival2014", source="annotations/instances_minival2014.json")
COCO = {
    "own": Layout(),
    "own of 2014": OF_2014,
    "train": Layout("", "train2017", "train2017", "", "annotations/instances_train2017.json"),
    "yolo": Layout(folder="images/val2017"),
    "inside coco": Layout(folder="coco/images/val2017", source="coco/annotations/instances_val2017.json"),
    "archives unpacked in folders": Layout(
        folder="val2017/val2017", source="annotations_trainval2017/annotations/instances_val2017.json"
    ),
    "json beside": Layout(source="instances_val2017.json"),
    "fiftyone": Layout(folder="validation/data", source="raw/instances_val2017.json"),
    "fiftyone's own labels": Layout("", "validation", "validation/data", "", "validation/labels.json"),
    "folders without a year": Layout(folder="val"),
    "the folder before the names": Layout(folder="images/val2017", written="val2017/"),
    "a part of the pictures": MINIVAL,
    "the JSON beside the pictures": Layout(source="val2017/instances_val2017.json"),
    "all pictures in images": Layout(folder="images"),
    "names of 2014, pictures of 2017": MINIVAL._replace(prefix=""),
    "names of 2017, pictures of 2014": OF_2014._replace(written=""),
}


@pytest.mark.parametrize("layout", COCO.values(), ids=COCO)
def test_every_layout_of_coco_gives_the_same_regions(
    layout: Layout, tmp_path: Path, write_picture: Write
) -> None:
    for name in NAMES:
        write_picture(tmp_path / layout.folder / f"{layout.prefix}{name}", WIDTH, HEIGHT)
    (tmp_path / layout.source).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / layout.source).write_text(instances(layout.written))
    data = DATASETS.get("coco").open(tmp_path / layout.given, RULES, options={"split": layout.split})
    areas = [[int(query.region.mask().sum()) for query in sample.queries] for sample in data]
    firsts = [int(sample.queries[0].region.mask().any(axis=0).argmax()) for sample in data]
    assert (areas, firsts) == ([[81]] * 10, list(range(10)))


def test_another_years_instances_are_named_with_the_line_to_write(
    tmp_path: Path, write_picture: Write
) -> None:
    write_picture(tmp_path / "val2017" / NAMES[0])
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(instances(""))
    with pytest.raises(RaybenchError, match=re.escape("write dataset: {..., split: val2017} to take it")):
        DATASETS.get("coco").open(tmp_path, RULES)


def test_instances_without_their_pictures_are_named(tmp_path: Path, write_picture: Write) -> None:
    write_picture(tmp_path / "train2017" / NAMES[0])
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(instances(""))
    with pytest.raises(RaybenchError, match=r"instances_val2017\.json, but no pictures of it: there is anno"):
        DATASETS.get("coco").open(tmp_path, RULES, options={"split": "val2017"})


VOC = {
    "the year": ("VOC2007", "VOC2007"),
    "around the year": ("", "VOC2007"),
    "development kit": ("", "VOCdevkit/VOC2007"),
    "development kit given": ("VOCdevkit", "VOCdevkit/VOC2007"),
    "TorchRay's link": ("", "VOCdevkit_2007/VOC2007"),
    "an archive in a folder of its name": ("", "VOCtest_06-Nov-2007/VOCdevkit/VOC2007"),
    "Kaggle's of 2012": ("", "VOC2012_train_val/VOC2012_train_val"),
}


def write_voc(folder: Path, split: str, write_picture: Write, write_xml: Write) -> None:
    for number, name in enumerate(NAMES):
        image_id = name.partition(".")[0]
        write_picture(folder / "JPEGImages" / name, WIDTH, HEIGHT)
        box = (1 + number, 1, 9 + number, 9)
        write_xml(folder / "Annotations" / f"{image_id}.xml", [("dog", box)])
    (folder / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
    lines = "\n".join(name.partition(".")[0] for name in NAMES)
    (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(lines)


@pytest.mark.parametrize(("given", "folder"), VOC.values(), ids=VOC)
def test_every_layout_of_voc_gives_the_same_regions(
    given: str,
    folder: str,
    tmp_path: Path,
    write_picture: Write,
    write_xml: Write,
) -> None:
    write_voc(tmp_path / folder, "test", write_picture, write_xml)
    data = DATASETS.get("voc").open(tmp_path / given, RULES, options={"split": "test"})
    assert [sample.queries[0].region.boxes[0][:4] for sample in data] == [
        (number, 0, 8 + number, 8) for number in range(10)
    ]


def test_a_year_or_a_split_chooses_among_several(
    tmp_path: Path, write_picture: Write, write_xml: Write
) -> None:
    write_voc(tmp_path / "VOCdevkit" / "VOC2007", "test", write_picture, write_xml)
    write_voc(tmp_path / "VOCdevkit" / "VOC2012", "val", write_picture, write_xml)
    reader = DATASETS.get("voc")
    for options, year in (({"year": 2012}, "2012"), ({"year": 2007}, "2007"), ({"split": "test"}, "2007")):
        assert f"VOC{year}" in reader.open(tmp_path, RULES, options=options).path_of(0)
    with pytest.raises(RaybenchError, match=re.escape("write dataset: {..., year: 2007}, or the folder")):
        reader.open(tmp_path, RULES)
    with pytest.raises(RaybenchError, match="holds no pictures of 2010, but VOCdevkit/VOC2007 and"):
        reader.open(tmp_path, RULES, options={"year": 2010})


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        (
            "imagenet",
            ["ILSVRC2012_bbox_val_v3/val/a.xml"],
            "the nearest known layout is the official archives': there is ILSVRC2012_bbox_val_v3/*, but not "
            "ILSVRC2012_img_val/*",
        ),
        (
            "imagenet",
            ["LOC_val_solution.csv"],
            "is Kaggle's: there is LOC_val_solution.csv, but not",
        ),
        (
            "imagenet",
            ["val/a.JPEG", "loc_val.csv"],
            "; if loc_val.csv has its form, write dataset: {..., boxes: loc_val.csv}",
        ),
        ("imagenet", ["ILSVRC2012_img_val.tar"], "; unpack ILSVRC2012_img_val.tar"),
        (
            "imagenet",
            ["data/validation-00000-of-00014.parquet"],
            "validation-00000-of-00014.parquet is a table of Hugging Face: `raybench data unpack",
        ),
        (
            "coco",
            ["val2014.zip", "annotations_trainval2014.zip"],
            "; unpack annotations_trainval2014.zip, val",
        ),
        (
            "imagenet",
            ["validation/dog/a.JPEG"],
            "; there is validation: write dataset: {..., split: validation} to take it",
        ),
        ("imagenet_s", ["val/n1/a.JPEG", "val-segmentation/n1/a.png"], "write dataset: {..., split: val} to"),
        ("openimages30k", ["val/dog/a.jpg", "val/dog/a_m1_2.png"], "write dataset: {..., split: val} to"),
        (
            "openimages30k",
            ["test/dog/a.jpg"],
            "is wsolevaluation's: there is test/*/*.jpg, but not test/*/*_m*",
        ),
        (
            "coco",
            ["val2014/a.jpg", "valid.coco.json"],
            "dataset: {name: boxes, images: val2014, boxes: valid.coco.json, classes: coco80} with",
        ),
        (
            "coco",
            ["val2014/a.jpg"],
            "is COCO's own: there is val2014/*.jpg, but not annotations/",
        ),
        (
            "voc",
            ["JPEGImages/a.jpg"],
            "is the folder of a year: there is JPEGImages/*, but not Annotations",
        ),
        ("voc", ["VOCtest_06-Nov-2007.tar"], "; unpack VOCtest_06-Nov-2007.tar"),
    ],
)
def test_a_folder_of_no_layout_is_compared_with_the_nearest(
    name: str, files: list[str], message: str, tmp_path: Path
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    with pytest.raises(RaybenchError, match=re.escape(message)):
        DATASETS.get(name).open(tmp_path, RULES)
