"""A folder as another tool exported it: what `init` finds in it, and that a run reads what was found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from raybench.base import RaybenchError
from raybench.benchmark.datasets import look_at, open_dataset
from raybench.benchmark.suite import PROTOCOLS

XML = (
    "<annotation><size><width>80</width><height>60</height></size><object><name>wren</name><bndbox>"
    "<xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"
)
TABLE = "image,class,x0,y0,x1,y1\n"
BY_TWO = "names:\n  0: finch\n  1: wren\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def picture(path: Path, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new(mode, (80, 60), 1).save(path)


def instances(*names: str) -> str:
    images = [
        {"id": number, "file_name": name, "width": 80, "height": 60} for number, name in enumerate(names)
    ]
    objects = [
        {"id": number, "image_id": number, "category_id": 2, "bbox": [1, 2, 9, 9]}
        for number in range(len(names))
    ]
    # as Roboflow writes it: a category of all categories, which nothing is of
    categories = [
        {"id": 0, "name": "birds", "supercategory": "none"},
        {"id": 1, "name": "finch", "supercategory": "birds"},
        {"id": 2, "name": "wren", "supercategory": "birds"},
    ]
    return json.dumps({"images": images, "annotations": objects, "categories": categories})


def ultralytics(root: Path) -> None:
    for split in ("train", "val"):
        picture(root / "images" / split / f"{split}.jpg")
        write(root / "labels" / split / f"{split}.txt", "1 .5 .5 .2 .2\n")
    write(root / "data.yaml", f"train: images/train\nval: images/val\n{BY_TWO}")


def roboflow_yolo(root: Path) -> None:
    for split in ("train", "valid"):
        picture(root / split / "images" / f"{split}.jpg")
        write(root / split / "labels" / f"{split}.txt", "1 .5 .5 .2 .2\n")
    write(root / "data.yaml", "nc: 2\nnames: ['finch', 'wren']\n")


def roboflow_coco(root: Path) -> None:
    for split in ("test", "train"):
        picture(root / split / f"{split}.jpg")
        write(root / split / "_annotations.coco.json", instances(f"{split}.jpg"))


def coco(root: Path) -> None:
    for split in ("train2017", "val2017"):
        picture(root / split / "1.jpg")  # of one name in both
        write(root / "annotations" / f"instances_{split}.json", instances("1.jpg"))
        write(root / "annotations" / f"captions_{split}.json", '{"images": [], "annotations": []}')


def beside_the_pictures(root: Path) -> None:
    for name in ("a", "b"):
        picture(root / f"{name}.jpg")
        write(root / f"{name}.txt", "1 .5 .5 .2 .2\n")
    write(root / "classes.txt", "finch\nwren\n")


def voc_tree(root: Path) -> None:
    picture(root / "VOC2007" / "JPEGImages" / "a.jpg")
    write(root / "VOC2007" / "Annotations" / "a.xml", XML)


def labelimg(root: Path) -> None:
    picture(root / "images" / "a.jpg")
    write(root / "labels" / "a.txt", "1 .5 .5 .2 .2\n")
    write(root / "labels" / "classes.txt", "finch\nwren\n")


def classes_called_as_splits(root: Path) -> None:
    for name in ("train", "wren"):
        picture(root / "images" / name / f"{name}.jpg")
        write(root / "labels" / name / f"{name}.txt", "1 .5 .5 .2 .2\n")
    write(root / "classes.txt", "train\nwren\n")


def one_table_of_all_splits(root: Path) -> None:
    for split in ("train", "val"):
        picture(root / "images" / split / f"{split}.jpg")
    write(root / "boxes.csv", f"{TABLE}train/train.jpg,wren,1,2,9,9\nval/val.jpg,wren,1,2,9,9\n")


def masks_of_one_class(root: Path) -> None:
    picture(root / "images" / "wren" / "a.png")
    picture(root / "masks" / "wren" / "a.png", "L")


def deep(root: Path) -> None:
    picture(root / "birds" / "images" / "a.jpg")
    write(root / "birds" / "boxes.csv", f"{TABLE}a,wren,1,2,9,9\n")


def other_pictures_beside(root: Path) -> None:
    for name in ("images", "plots", "runs/mine/gallery"):
        picture(root / name / f"{name.replace('/', '')}.jpg")
    write(root / "boxes.csv", f"{TABLE}images,wren,1,2,9,9\n")


def tabs(root: Path) -> None:
    picture(root / "images" / "a.jpg")
    write(root / "objects.TSV", f"{TABLE}a.jpg,wren,1,2,9,9\n".replace(",", "\t"))
    write(root / "notes.txt", f"{TABLE}a.jpg,wren,1,2,9,9\n")


@pytest.mark.parametrize(
    ("make", "images", "truth", "classes", "left_out"),
    [
        (ultralytics, "images/val", "labels/val", "finch wren", ["images/train"]),
        (roboflow_yolo, "valid/images", "valid/labels", "finch wren", ["train/images"]),
        (roboflow_coco, "test", "test/_annotations.coco.json", "finch wren", ["train"]),
        (coco, "val2017", "annotations/instances_val2017.json", "finch wren", ["train2017"]),
        (beside_the_pictures, ".", ".", "finch wren", []),
        (voc_tree, "VOC2007/JPEGImages", "VOC2007/Annotations", "wren", []),
        (labelimg, "images", "labels", "finch wren", []),
        (classes_called_as_splits, "images", "labels", "train wren", []),
        (one_table_of_all_splits, "images", "boxes.csv", "wren", []),
        (tabs, "images", "objects.TSV", "wren", []),
        (masks_of_one_class, "images", "masks", "wren", []),
        (deep, "birds/images", "birds/boxes.csv", "wren", []),
        (other_pictures_beside, "images", "boxes.csv", "wren", ["plots", "runs/mine/gallery"]),
    ],
)
def test_what_other_tools_write_is_found_and_read(
    tmp_path: Path,
    make: Callable[[Path], None],
    images: str,
    truth: str,
    classes: str,
    left_out: list[str],
) -> None:
    make(tmp_path)
    found = look_at(tmp_path)
    assert (found.images, *found.truth.values()) == (images, truth)
    assert (found.classes, found.left_out) == (classes.split(), left_out)
    listed = tmp_path / "classes.txt"
    listed.write_text(found.listed.text if found.listed else "".join(f"{one}\n" for one in found.classes))
    options = {"images": found.images, **found.truth}
    opened = open_dataset("boxes", {}, PROTOCOLS["aaai21-clamped"], options, folder=tmp_path)
    shown = {opened.classes.ids[query.class_index] for sample in opened for query in sample.queries}
    assert shown == {"wren"}
    assert len(opened) == (
        2 if make in (beside_the_pictures, classes_called_as_splits, one_table_of_all_splits) else 1
    )


def numbered_from_one(root: Path) -> None:
    labelimg(root)
    (root / "labels" / "classes.txt").unlink()
    write(root / "data.yaml", "names: {1: finch, 2: wren}\n")


def no_names(root: Path) -> None:
    ultralytics(root)
    (root / "data.yaml").unlink()


def tensorflow_table(root: Path) -> None:
    picture(root / "images" / "a.jpg")
    write(
        root / "_annotations.csv",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,80,60,wren,1,2,9,9\n",
    )


def labelme(root: Path) -> None:
    picture(root / "a.jpg")
    write(root / "a.json", '{"shapes": []}')


def pictures_alone(root: Path) -> None:
    picture(root / "a.jpg")


def only_masks(root: Path) -> None:
    picture(root / "masks" / "a.png")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (numbered_from_one, r"data\.yaml: the numbers of names are not 0 to 1"),
        (no_names, r"nothing names the classes; write .*classes\.txt"),
        (
            tensorflow_table,
            r"_annotations\.csv, line 1: xmin,ymin,xmax,ymax count from 1 in some files .* call them "
            r"x0,y0,x1,y1; beside them expected image,class alone, not 'filename', 'width', 'height', ",
        ),
        (labelme, r"a\.json and its like are of LabelMe"),
        (pictures_alone, r"does not say where objects are: put boxes\.csv there"),
        (only_masks, r"no folder in .* holds pictures"),
    ],
)
def test_what_cannot_be_told_is_asked_for(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path)
    with pytest.raises(RaybenchError, match=message):
        look_at(tmp_path)
