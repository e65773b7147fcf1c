"""Boxes without pictures: small files by hand, and all 50,000."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets import DATASETS, Box, BoxRegion, Dataset, Query, Size
from raybench.benchmark.datasets.layouts.boxes import CLAMPED, EMPTY_SLICE
from raybench.benchmark.datasets.sample import AnnotationError
from raybench.benchmark.suite.protocol import protocol_from

GOOD = {
    "class_labels.txt": "val/two.JPEG,2\nval/one.two.JPEG,0\nval/none.JPEG,1\n",
    "image_sizes.txt": "val/one.two.JPEG,40,30\nval/two.JPEG,500,375\nval/none.JPEG,5,5\n",
    "localization.txt": "val/two.JPEG,3,5,20,6\nval/one.two.JPEG,0,1,39,29\nval/two.JPEG,1,1,500,375\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, one of them without a box, in different orders."""
    for name, text in GOOD.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def open_folder(folder: Path, classes: Path, *, legacy: bool = False, **options: object) -> Dataset:
    rules = protocol_from("aaai21", {"legacy_boxes": legacy})
    return DATASETS.get("imagenet_boxes").open(folder, rules, options={"classes": str(classes), **options})


def test_samples_by_hand(folder: Path, animals_file: Path) -> None:
    dataset = open_folder(folder, animals_file)
    assert dataset.image_ids == ("none", "one.two", "two")
    assert (dataset.has_images, dataset.multilabel) == (False, False)
    first, second = dataset[1], dataset[2]
    size = Size(height=30, width=40)
    assert (first.size, first.image, first.targets, first.notes) == (size, None, (0,), (CLAMPED,))
    assert first.queries == (Query(0, BoxRegion(size, (Box(0, 0, 38, 28),))),)
    size = Size(height=375, width=500)
    assert second.queries == (Query(2, BoxRegion(size, (Box(2, 4, 19, 5), Box(0, 0, 499, 374)))),)
    assert dataset.path_of(1).endswith("localization.txt")


def test_the_files_are_found_in_the_repository_of_wsolevaluation(folder: Path, animals_file: Path) -> None:
    expected = open_folder(folder, animals_file).fingerprint()
    inner = folder / "metadata" / "ILSVRC" / "test"
    inner.mkdir(parents=True)
    for name in GOOD:
        (folder / name).rename(inner / name)
    for given in (folder, folder / "metadata", inner):
        assert open_folder(given, animals_file).fingerprint() == expected


def test_legacy_box_from_0_leaves_an_empty_region(folder: Path, animals_file: Path) -> None:
    sample = open_folder(folder, animals_file, legacy=True)[1]
    assert (sample.queries[0].region.boxes, sample.notes) == ((), (EMPTY_SLICE,))


def test_image_without_a_box_fails_when_it_is_read(folder: Path, animals_file: Path) -> None:
    with pytest.raises(AnnotationError, match=r"localization\.txt, none has no box"):
        open_folder(folder, animals_file)[0]


def test_size_beyond_memory_fails_when_it_is_read(folder: Path, animals_file: Path) -> None:
    sizes = GOOD["image_sizes.txt"].replace("500,375", "60000,60000")
    (folder / "image_sizes.txt").write_text(sizes)
    dataset = open_folder(folder, animals_file)
    with pytest.raises(AnnotationError, match=r"image_sizes\.txt, two: the size is 60000 x 60000 .* at most"):
        dataset[2]
    assert dataset[1].size == Size(height=30, width=40)


def test_listed_images_keep_their_boxes(folder: Path, animals_file: Path) -> None:
    (folder / "ids.txt").write_text("two\n")
    dataset = open_folder(folder, animals_file, list="ids.txt")
    assert dataset.image_ids == ("two",)
    assert dataset[0].queries == open_folder(folder, animals_file)[2].queries


BAD = {
    "missing file": ("image_sizes.txt", None, "has no image_sizes.txt"),
    "missing column": (
        "class_labels.txt",
        "val/a.JPEG\n",
        "line 1: expected file,class index, not 'val/a.JPEG'",
    ),
    "word": (
        "localization.txt",
        "val/two.JPEG,3,5,20,6\nval/two.JPEG,3,5,20,x\n",
        "line 2: expected file,xmin",
    ),
    "negative": ("localization.txt", "val/two.JPEG,3,5,20,-6\n", "line 1: expected"),
    "empty": ("class_labels.txt", "", "line 1: expected"),
    "class past the end": (
        "class_labels.txt",
        GOOD["class_labels.txt"].replace(",2", ",3"),
        "'animals' has 3 classes",
    ),
    "size of another image": ("image_sizes.txt", "val/else.JPEG,40,30\n", "do not name the same images"),
    "label twice": ("class_labels.txt", GOOD["class_labels.txt"] + "val/two.JPEG,2\n", "names 'two' twice"),
    "box of another image": (
        "localization.txt",
        "val/else.JPEG,1,1,2,2\n",
        "names 'else', which has no class label",
    ),
}


@pytest.mark.parametrize(("name", "text", "message"), BAD.values(), ids=BAD)
def test_bad_file_is_refused_with_its_place(
    folder: Path, animals_file: Path, name: str, text: str | None, message: str
) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    with pytest.raises(RaybenchError) as caught:
        open_folder(folder, animals_file)
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_fingerprint_follows_the_content(folder: Path, animals_file: Path) -> None:
    first = open_folder(folder, animals_file)
    assert pickle.loads(pickle.dumps(first)).fingerprint() == first.fingerprint()
    (folder / "localization.txt").write_text(GOOD["localization.txt"].replace("20,6", "20,7"))
    assert open_folder(folder, animals_file).fingerprint() != first.fingerprint()


def test_all_real_boxes_are_read(real_data: Path) -> None:
    rules = protocol_from("aaai21", {"legacy_boxes": False})
    dataset = DATASETS.get("imagenet_boxes").open(real_data / "imagenet/all_val_boxes", rules)
    assert len(dataset) == 50_000
    samples = list(dataset)
    assert sum(len(sample.queries[0].region.boxes) for sample in samples) == 80_477
    assert np.bincount([sample.targets[0] for sample in samples]).tolist() == [50] * 1000
    # the first lines of the three files: class 65, 500 x 375 pixels, box 111,108,441,193
    size = Size(height=375, width=500)
    assert samples[0].queries == (Query(65, BoxRegion(size, (Box(110, 107, 440, 192),))),)
