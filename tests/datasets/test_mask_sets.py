"""CUB-200-2011, ImageNet-S and OpenImages30k, in miniature."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from raybench.base import RaybenchError
from raybench.benchmark.datasets import DATASETS, Dataset, asks_anything
from raybench.benchmark.suite import PROTOCOLS
from raybench.checkpoints import load_classes

RULES = PROTOCOLS["iccv19"]
WIDTH, HEIGHT = 40, 30
Write = Callable[..., Path]
BIRDS = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]


@pytest.fixture
def cub(tmp_path: Path, write_picture: Write) -> Path:
    root = tmp_path / "CUB_200_2011"
    paths = [f"{BIRDS[number % 2]}/Bird_{number:04d}.jpg" for number in range(4)]
    for path in paths:
        write_picture(root / "images" / path, WIDTH, HEIGHT)
    rows = {
        "images": [f"{n} {path}" for n, path in enumerate(paths, 1)],
        "bounding_boxes": ["1 0.0 0.0 40.0 30.0", "2 3.0 4.0 10.0 5.0", "3 30.0 1.0 20.0 2.0", "4 1 1 1 1"],
        "train_test_split": ["1 0", "2 0", "3 0", "4 1"],
        "classes": [f"{n} {name}" for n, name in enumerate(BIRDS, 1)],
        "image_class_labels": [f"{n} {1 + (n - 1) % 2}" for n in range(1, 5)],
    }
    for name, lines in rows.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return root


def boxes(data: Dataset) -> list[tuple[int, ...]]:
    return [tuple(sample.queries[0].region.boxes[0]) for sample in data]


def test_cub_has_the_boxes_of_its_test_pictures(cub: Path) -> None:
    data = DATASETS.get("cub200").open(cub, RULES)
    assert data.classes.ids == tuple(BIRDS)
    assert data.image_ids == ("Bird_0000", "Bird_0001", "Bird_0002")
    # edges from 0: x 3 and width 10 are pixels 3 to 12
    assert boxes(data) == [(0, 0, 39, 29), (3, 4, 12, 8), (30, 1, 39, 2)]
    assert [sample.targets for sample in data] == [(0,), (1,), (0,)]
    assert len(DATASETS.get("cub200").open(cub, RULES, options={"split": "all"})) == 4
    assert DATASETS.get("cub200").open(cub.parent, RULES).fingerprint() == data.fingerprint()


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("bounding_boxes", "1 3 4 x 5", r"picture 1: expected x, y, width and height, not \['3', '4', 'x'"),
        ("bounding_boxes", "1 3 4 0 5", r"picture 1: width and height are 0 and 5; expected above 0"),
        ("bounding_boxes", "2 3 4", r"bounding_boxes\.txt, line 1: expected a number and 4 more"),
        ("images", "1 003.Other/a.jpg", r"lies in no folder of a class of 'classes'"),
    ],
)
def test_a_damaged_file_of_cub_is_refused(file: str, line: str, message: str, cub: Path) -> None:
    (cub / f"{file}.txt").write_text(f"{line}\n")
    with pytest.raises(RaybenchError, match=message):
        DATASETS.get("cub200").open(cub, RULES)


def test_a_class_list_may_be_numbered(cub: Path, tmp_path: Path) -> None:
    assert load_classes(str(cub / "classes.txt")).ids == tuple(BIRDS)
    (tmp_path / "plain.txt").write_text("2 cats\n1 dog\n")
    assert load_classes(str(tmp_path / "plain.txt")).ids == ("2 cats", "1 dog")


SYNSETS = load_classes("imagenet1k").ids[:3]


def write_mask(path: Path, numbers: np.ndarray) -> None:
    """Write a mask as ImageNet-S does: red and green hold the lower and the upper byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.stack([numbers % 256, numbers // 256, np.zeros_like(numbers)], axis=2).astype(np.uint8)
    PIL.Image.fromarray(colours).save(path)


@pytest.fixture
def imagenet_s(tmp_path: Path, write_picture: Write) -> Path:
    root = tmp_path / "ImageNetS919"
    for number, synset in enumerate(SYNSETS):
        name = f"ILSVRC2012_val_{number:08d}"
        write_picture(root / "validation" / synset / f"{name}.JPEG", WIDTH, HEIGHT)
        mask = np.zeros((HEIGHT, WIDTH), dtype=int)
        mask[number : number + 5, 2:9] = 300 + number
        mask[20:, :] = 1000  # to be ignored
        write_mask(root / "validation-segmentation" / synset / f"{name}.png", mask)
    return root


@pytest.mark.parametrize("around", [False, True])
def test_imagenet_s_has_the_mask_of_the_folders_class(imagenet_s: Path, around: bool) -> None:
    data = DATASETS.get("imagenet_s").open(imagenet_s.parent if around else imagenet_s, RULES)
    assert [sample.targets for sample in data] == [(0,), (1,), (2,)]
    for number, sample in enumerate(data):
        (query,) = sample.queries
        expected = np.zeros((HEIGHT, WIDTH), dtype=bool)
        expected[number : number + 5, 2:9] = True
        np.testing.assert_array_equal(query.region.mask(), expected)


def test_a_mask_of_several_classes_needs_the_order_of_classes(imagenet_s: Path) -> None:
    mask = np.full((HEIGHT, WIDTH), 7)
    mask[:3] = 2
    name = "ILSVRC2012_val_00000001"
    write_mask(imagenet_s / "validation-segmentation" / SYNSETS[1] / f"{name}.png", mask)
    with pytest.raises(RaybenchError, match=r"shows the classes \[2, 7\], and nothing says which"):
        DATASETS.get("imagenet_s").open(imagenet_s, RULES)[1]
    listed = "\n".join(f"{synset} a name" for synset in SYNSETS)
    (imagenet_s / "ImageNetS_categories_im919.txt").write_text(listed)
    sample = DATASETS.get("imagenet_s").open(imagenet_s, RULES)[1]
    assert sample.queries[0].region.mask().sum() == 3 * WIDTH


def test_openimages_has_the_union_of_masks(tmp_path: Path, write_picture: Write) -> None:
    folder = tmp_path / "OpenImages" / "test" / "0bt_c3"
    write_picture(folder / "1cd9ac0169ec7df0.jpg", WIDTH, HEIGHT)
    for name, rows in (("m0bt_c3_6932e993", slice(0, 5)), ("m0bt_c3_11111111", slice(3, 8))):
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        mask[rows] = 255
        PIL.Image.fromarray(mask).save(folder / f"1cd9ac0169ec7df0_{name}.png")
    ignored = np.zeros((HEIGHT // 2, WIDTH // 2), dtype=np.uint8)
    ignored[0] = 1
    PIL.Image.fromarray(ignored).save(folder / "1cd9ac0169ec7df0_ignore.png")
    (sample,) = DATASETS.get("openimages30k").open(tmp_path, RULES)
    assert sample.queries[0].region.mask().sum(axis=1).tolist() == [WIDTH] * 8 + [0] * 22
    assert set(sample.notes) == {
        "pixels that the benchmark ignores are counted as background",
        "a mask is of another size than its picture; brought to the picture's by the nearest pixel",
    }


# where pictures and masks lie in the folder that is given, `{c}` the class, `{p}` the name's first letter
OPEN_IMAGES = {
    "wsolevaluation's": ("test/{c}", "test/{c}", ""),
    "around it": ("OpenImages/test/{c}", "OpenImages/test/{c}", ""),
    "the split": ("test/{c}", "test/{c}", "test"),
    "masks apart": ("images/test/{c}", "masks/test/{c}", ""),
    "two archives in two folders": ("OpenImages_images/test/{c}", "OpenImages_annotations/test/{c}", ""),
    "that of OpenImages": ("test", "test-masks", ""),
    "its archives of masks": ("test", "test-masks-{p}", ""),
    "FiftyOne's": ("test/data", "test/labels/masks/{p}", ""),
}


def write_open_images(root: Path, pictures: str, masks: str, write_picture: Write) -> list[Path]:
    """Write four pictures of two classes with one or two masks each, and OpenImages' list of these."""
    lines, files = ["MaskPath,ImageID,LabelName,BoxID"], []
    for number in range(4):
        name, group = f"{number}cd9_ac0169ec7df0", ("01226z", "0bt_c3")[number % 2]
        write_picture(root / pictures.format(c=group) / f"{name}.jpg", WIDTH, HEIGHT)
        for box in range(1 + number % 2):
            mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
            mask[2 + number + 3 * box :][:6, 3 : 12 + number] = 255
            files.append(root / masks.format(c=group, p=name[0]) / f"{name}_m{group}_6932e99{box}.png")
            files[-1].parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(mask).save(files[-1])
            lines.append(f"{files[-1].name},{name},/m/{group},6932e99{box}")
    (root / "test-annotations-object-segmentation.csv").write_text("\n".join(lines))
    return files


@pytest.mark.parametrize(("pictures", "masks", "given"), OPEN_IMAGES.values(), ids=OPEN_IMAGES)
def test_every_layout_of_openimages_gives_the_same_regions(
    pictures: str, masks: str, given: str, tmp_path: Path, write_picture: Write
) -> None:
    write_open_images(tmp_path, pictures, masks, write_picture)
    data = DATASETS.get("openimages30k").open(tmp_path / given, RULES)
    assert data.classes.ids == ("01226z", "0bt_c3")
    assert [sample.targets for sample in data] == [(0,), (1,), (0,), (1,)]
    shown = [sample.queries[0].region.mask() for sample in data]
    assert [int(mask.sum()) for mask in shown] == [6 * 9, 9 * 10, 6 * 11, 9 * 12]
    assert [int(mask.any(axis=1).argmax()) for mask in shown] == [2, 3, 4, 5]
    assert asks_anything(data, range(4))  # though no mask covers the middle


def test_a_mask_that_is_listed_but_not_there_skips_its_picture(tmp_path: Path, write_picture: Write) -> None:
    write_open_images(tmp_path, "test", "masks", write_picture)[2].unlink()
    data = DATASETS.get("openimages30k").open(tmp_path, RULES)
    with pytest.raises(RaybenchError, match=r"cannot read the mask .*1cd9_ac0169ec7df0_m0bt_c3_6932e991"):
        data[1]
    assert len(data[0].queries) == 1


def test_a_picture_of_two_classes_needs_the_folder_of_one(tmp_path: Path, write_picture: Write) -> None:
    other = write_open_images(tmp_path, "test", "masks", write_picture)[0]
    other.rename(other.with_name("1cd9_ac0169ec7df0_m01226z.png"))
    (tmp_path / "test-annotations-object-segmentation.csv").unlink()
    data = DATASETS.get("openimages30k").open(tmp_path, RULES)
    with pytest.raises(RaybenchError, match="has masks of 01226z and 0bt_c3; expected those of one class"):
        data[1]
    (tmp_path / "test" / "0bt_c3").mkdir()
    for picture in (tmp_path / "test").glob("*.jpg"):
        picture.rename(tmp_path / "test" / "0bt_c3" / picture.name)
    (query,) = DATASETS.get("openimages30k").open(tmp_path, RULES)[1].queries
    assert int(query.region.mask().sum()) == 9 * 10
