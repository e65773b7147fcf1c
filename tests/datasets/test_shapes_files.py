"""The generated files: two formats that say the same, byte for byte the same each time."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
from pycocotools import mask as coco_mask

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets.shapes import CLASS_NAMES, draw_scene, write_shapes

IMAGES = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, images=IMAGES, seed=4)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_arguments_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_shapes(tmp_path, images=IMAGES, seed=4)
    assert contents(tmp_path) == contents(folder)


def test_more_pictures_leave_the_first_ones_unchanged(folder: Path, tmp_path: Path) -> None:
    write_shapes(tmp_path, images=IMAGES + 2, seed=4)
    more = contents(tmp_path)
    assert len(list((tmp_path / "val").glob("*.jpg"))) == IMAGES + 2
    for name, data in contents(folder).items():
        if name.startswith("val/"):
            assert more[name] == data


def test_fewer_pictures_leave_none_of_the_others(folder: Path, tmp_path: Path) -> None:
    write_shapes(tmp_path, images=IMAGES + 3, seed=4)
    mine = ("val/shapes_val_mine.jpg", "val/shapes_val_99999999.txt")
    for name in mine:
        (tmp_path / name).write_text("not generated")
    write_shapes(tmp_path, images=IMAGES, seed=4)
    left = contents(tmp_path)
    assert all(left.pop(name) == b"not generated" for name in mine)
    assert left == contents(folder)


def test_classes_are_listed_in_order(folder: Path) -> None:
    assert tuple((folder / "classes.txt").read_text().split()) == CLASS_NAMES


def test_first_object_of_the_xml_is_the_label_with_its_box_counted_from_one(folder: Path) -> None:
    for number in range(1, IMAGES + 1):
        path = folder / "val" / f"shapes_val_{number:08d}.xml"
        objects = ElementTree.parse(path).findall("object")
        scene = draw_scene(4, number - 1)
        assert [entry.findtext("name") for entry in objects] == [
            CLASS_NAMES[o.class_index] for o in scene.objects
        ]
        for entry, thing in zip(objects, scene.objects, strict=True):
            rows, columns = np.nonzero(thing.mask)
            box = [int(entry.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax")]
            assert box == [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]


def test_size_in_the_xml_is_that_of_the_picture(folder: Path) -> None:
    for path in (folder / "val").glob("*.xml"):
        size = ElementTree.parse(path).find("size")
        assert size is not None
        with PIL.Image.open(path.with_suffix(".jpg")) as image:
            assert image.size == (int(size.findtext("width", "")), int(size.findtext("height", "")))


def test_coco_masks_are_the_visible_pixels(folder: Path) -> None:
    document = json.loads((folder / "annotations" / "instances_val.json").read_text())
    assert [entry["name"] for entry in document["categories"]] == list(CLASS_NAMES)
    assert [entry["id"] for entry in document["annotations"]] == list(
        range(1, len(document["annotations"]) + 1)
    )
    for image in document["images"]:
        annotations = [entry for entry in document["annotations"] if entry["image_id"] == image["id"]]
        scene = draw_scene(4, image["id"] - 1)
        assert (image["height"], image["width"]) == scene.pixels.shape[:2]
        assert [entry["category_id"] - 1 for entry in annotations] == [o.class_index for o in scene.objects]
        for entry, thing in zip(annotations, scene.objects, strict=True):
            mask = decoded(entry["segmentation"])
            assert np.array_equal(mask, thing.mask)
            x, y, width, height = entry["bbox"]
            assert mask[y : y + height, x : x + width].sum() == mask.sum() == entry["area"]


def decoded(segmentation: dict[str, Any]) -> np.ndarray:
    with warnings.catch_warnings():  # pycocotools' own, on numpy 2
        warnings.simplefilter("ignore", DeprecationWarning)
        return coco_mask.decode(segmentation).astype(bool)


def test_pictures_are_the_scenes_within_jpeg_loss(folder: Path) -> None:
    with PIL.Image.open(folder / "val" / "shapes_val_00000003.jpg") as image:
        error = np.asarray(image, np.float64) - draw_scene(4, 2).pixels
    assert np.abs(error).mean() < 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": 0}, "cannot write 0 shapes pictures"),
        ({"seed": -1}, "seed of the shapes pictures is -1"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        write_shapes(tmp_path, **arguments)  # type: ignore[arg-type]


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(RaybenchError, match=r"cannot write shapes pictures to .*taken"):
        write_shapes(tmp_path / "taken", images=1)
