"""COCO on hand-made masks, on damaged files, on the real pictures, and against TorchRay."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torchvision
from pycocotools import mask as coco_mask

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets import DATASETS, Dataset, Size
from raybench.benchmark.datasets.layouts.coco_masks import encode, union
from raybench.benchmark.datasets.pictures import SIZE_DIFFERS
from raybench.benchmark.datasets.readers.coco import EMPTY_MASK
from raybench.benchmark.datasets.sample import AnnotationError, UnreadableImageError
from raybench.benchmark.suite.protocol import PROTOCOLS

SIZE = Size(height=30, width=40)
SQUARE = [[2, 3, 6, 3, 6, 9, 2, 9]]  # covers columns 2-5 and rows 3-8
EXPECTED_SQUARE = np.zeros(SIZE, dtype=bool)
EXPECTED_SQUARE[3:9, 2:6] = True
RUNS = {"size": [30, 40], "counts": [65, 10, 1125]}  # down the third column, rows 5-14
EXPECTED_RUNS = np.zeros(SIZE, dtype=bool)
EXPECTED_RUNS[5:15, 2] = True

MakeCoco = Callable[..., Path]


def image(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": number, "file_name": f"p{number}.jpg", "height": 30, "width": 40, **changes}


def annotation(number: int, category: int, segmentation: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": 100 * number, "image_id": number, "category_id": category, "segmentation": segmentation,
        "iscrowd": 0, **changes,
    }  # fmt: skip


@pytest.fixture
def make(tmp_path: Path) -> MakeCoco:
    """Write pictures of 40 x 30 pixels and an instances file, and return the root."""

    def write(
        annotations: list[dict[str, Any]], images: list[dict[str, Any]] | None = None, **parts: Any
    ) -> Path:
        for folder in ("val2014", "annotations"):
            (tmp_path / folder).mkdir(exist_ok=True)
        images = [image(1)] if images is None else images
        annotations = [{**entry, "id": entry["id"] + place} for place, entry in enumerate(annotations)]
        for entry in images:
            if isinstance(entry.get("file_name"), str):
                PIL.Image.new("RGB", (40, 30)).save(tmp_path / "val2014" / entry["file_name"])
        categories = [{"id": 7, "name": "cow"}, {"id": 3, "name": "ape"}, {"id": 9, "name": "yak"}]
        content = {
            "info": {},
            "images": images,
            "annotations": annotations,
            "categories": categories,
            **parts,
        }
        content = {key: value for key, value in content.items() if value is not None}
        (tmp_path / "annotations/instances_val2014.json").write_text(json.dumps(content, indent=1))
        return tmp_path

    return write


@pytest.fixture
def open_folder(animals_file: Path) -> Callable[..., Dataset]:
    """Open a folder with the three animal classes."""

    def open_it(root: Path, **options: object) -> Dataset:
        given = {"classes": str(animals_file), **options}
        return DATASETS.get("coco").open(root, PROTOCOLS["aaai21"], options=given)

    return open_it


def test_classes_are_matched_by_name_and_masks_of_a_class_united(
    make: MakeCoco, open_folder: Callable[..., Dataset]
) -> None:
    crowd = annotation(1, 7, RUNS, iscrowd=1)
    root = make([annotation(1, 7, SQUARE), annotation(1, 3, SQUARE), crowd])
    dataset = open_folder(root)
    (sample,) = dataset
    assert (dataset.name, dataset.multilabel, dataset.has_images) == ("coco", True, True)
    assert (sample.image_id, sample.size, sample.targets, sample.notes) == ("p1", SIZE, (0, 2), ())
    assert [query.class_index for query in sample.queries] == [0, 2]
    np.testing.assert_array_equal(sample.queries[0].region.mask(), EXPECTED_SQUARE)
    np.testing.assert_array_equal(sample.queries[1].region.mask(), EXPECTED_SQUARE | EXPECTED_RUNS)


def test_images_are_in_the_order_of_their_file_names(
    make: MakeCoco, open_folder: Callable[..., Dataset]
) -> None:
    images = [image(2, file_name="b.jpg"), image(1, file_name="c.jpg"), image(3, file_name="a.jpg")]
    dataset = open_folder(make([annotation(1, 7, SQUARE), annotation(2, 3, SQUARE)], images))
    assert dataset.image_ids == ("a", "b", "c")
    assert [sample.targets for sample in dataset] == [(), (0,), (2,)]
    assert dataset.path_of(1).endswith("val2014/b.jpg")


def test_image_without_annotations_has_no_queries(
    make: MakeCoco, open_folder: Callable[..., Dataset]
) -> None:
    (sample,) = open_folder(make([]))
    assert (sample.queries, sample.targets, sample.notes) == ((), (), ())


@pytest.mark.parametrize("polygons", [[], [[5, 5, 9, 9]], [[5, 5, 9, 5, 7, 5]], [[90, 90, 99, 90, 99, 99]]])
def test_class_without_a_pixel_keeps_its_query_with_a_note(
    make: MakeCoco, open_folder: Callable[..., Dataset], polygons: list[list[float]]
) -> None:
    (sample,) = open_folder(make([annotation(1, 7, polygons)]))
    assert sample.targets == (2,)
    assert sample.notes[-1] == EMPTY_MASK
    assert not sample.queries[0].region.near(15).any()


def test_picture_of_another_size_is_noted(make: MakeCoco, open_folder: Callable[..., Dataset]) -> None:
    (sample,) = open_folder(make([annotation(1, 7, SQUARE)], [image(1, height=60)]))
    assert (sample.size, sample.notes) == (Size(height=60, width=40), (SIZE_DIFFERS,))


def test_missing_picture_is_named(make: MakeCoco, open_folder: Callable[..., Dataset]) -> None:
    root = make([annotation(1, 7, SQUARE)])
    (root / "val2014/p1.jpg").unlink()
    with pytest.raises(UnreadableImageError, match=r"val2014/p1\.jpg: no such file"):
        open_folder(root)[0]


BAD_ANNOTATIONS = {
    "unknown category": ({"category_id": 55}, "has an unknown category_id: 55"),
    "no category": ({"category_id": None}, "has an unknown category_id: None"),
    "category outside the class list": ({"category_id": 9}, "category 'yak', which is not in the class list"),
    "no segmentation": ({"segmentation": None}, "it has no segmentation"),
    "words": ({"segmentation": [["a", "b", "c", "d", "e", "f"]]}, "not a number"),
    "nested": ({"segmentation": [[[1, 2], [3, 4], [5, 6]]]}, "not a flat list"),
    "infinite": ({"segmentation": [[1, 2, float("inf"), 4, 5, 6]]}, "a corner that is not a number"),
    "far": ({"segmentation": [[1, 2, 1e12, 4, 5, 6]]}, "a corner that is not a number"),
    "runs of another size": ({"segmentation": {"size": [40, 30], "counts": [1200]}}, "for size [40, 30]"),
    "too few runs": ({"segmentation": {"size": [30, 40], "counts": [65, 10]}}, "do not add up"),
    "too many runs": ({"segmentation": {"size": [30, 40], "counts": [65, 9999]}}, "do not add up"),
    "negative run": ({"segmentation": {"size": [30, 40], "counts": [-1, 1201]}}, "do not add up"),
    "no runs": ({"segmentation": {"size": [30, 40]}}, "do not add up"),
    "damaged string": ({"segmentation": {"size": [30, 40], "counts": "zzz"}}, "do not add up"),
    "short string": ({"segmentation": {"size": [30, 40], "counts": "02"}}, "do not add up"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD_ANNOTATIONS.values(), ids=BAD_ANNOTATIONS)
def test_bad_annotation_fails_with_its_image_alone(
    make: MakeCoco, open_folder: Callable[..., Dataset], changes: dict[str, Any], message: str
) -> None:
    bad = {**annotation(1, 7, SQUARE), **changes}
    dataset = open_folder(make([bad, annotation(2, 7, SQUARE)], [image(1), image(2)]))
    with pytest.raises(AnnotationError) as caught:
        dataset[0]
    assert message in str(caught.value)
    assert "instances_val2014.json: annotation 100 of p1.jpg" in str(caught.value)
    assert dataset[1].targets == (2,)


BAD_FILES = {
    "image that is not listed": ({"annotations": [annotation(5, 7, SQUARE)]}, "annotates image 5, which"),
    "no image_id": ({"annotations": [{"id": 1}]}, "an annotation has no image_id"),
    "no annotations": ({"annotations": None}, "it has no list 'annotations'"),
    "no images": ({"images": None}, "it has no list 'images'"),
    "categories of another kind": ({"categories": {}}, "it has no list 'categories'"),
    "category without name": ({"categories": [{"id": 1}]}, "a category lacks its id or name"),
    "no category of the class list": ({"categories": [{"id": 7, "name": "gnu"}]}, "is in the class list"),
    "image without height": ({"images": [image(1, height=None)]}, "'height' of an image is None"),
    "image of no width": ({"images": [image(1, width=0)]}, "'width' of image 1 are 30 and 0; expected sides"),
    "image beyond memory": ({"images": [image(1, width=60_000, height=60_000)]}, "at most 178956970 pixels"),
    "image of fractional width": ({"images": [image(1, width=4.5)]}, "'width' of an image is 4.5"),
    "one id twice": ({"images": [image(1), image(1, file_name="p2.jpg")]}, "two images of the id 1"),
    "one file name twice": ({"images": [image(1), image(2, file_name="p1.jpg")]}, "two pictures of the same"),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file_is_refused(
    make: MakeCoco, open_folder: Callable[..., Dataset], parts: dict[str, Any], message: str
) -> None:
    root = make([])
    content = json.loads((root / "annotations/instances_val2014.json").read_text()) | parts
    kept = {key: value for key, value in content.items() if value is not None}
    (root / "annotations/instances_val2014.json").write_text(json.dumps(kept))
    with pytest.raises(RaybenchError) as caught:
        open_folder(root)
    assert message in str(caught.value)
    assert "instances_val2014.json" in str(caught.value)


GOOD_TEXT = json.dumps(
    {
        "images": [image(1)],
        "annotations": [annotation(1, 7, SQUARE)] * 2,
        "categories": [{"id": 7, "name": "cow"}],
    }
)


@pytest.mark.parametrize("length", range(0, len(GOOD_TEXT), 7))
def test_file_that_is_cut_off_is_refused(
    make: MakeCoco, open_folder: Callable[..., Dataset], length: int
) -> None:
    root = make([])
    (root / "annotations/instances_val2014.json").write_text(GOOD_TEXT[:length])
    with pytest.raises(
        RaybenchError, match=r"instances_val2014\.json is not valid JSON: .* \(line 1, column \d+\)"
    ):
        open_folder(root)


@pytest.mark.parametrize(
    "text", ["[]", "7", '"x"', "{]", '{"a":1,}', '{"a" 1}', '{"annotations":[1 2]}', "{7:1}"]
)
def test_file_of_another_form_is_refused(
    make: MakeCoco, open_folder: Callable[..., Dataset], text: str
) -> None:
    root = make([])
    (root / "annotations/instances_val2014.json").write_text(text)
    with pytest.raises(RaybenchError, match=r"instances_val2014\.json"):
        open_folder(root)


@pytest.mark.parametrize("indent", [None, 0, 4])
def test_layout_of_the_json_does_not_matter(
    make: MakeCoco, open_folder: Callable[..., Dataset], indent: int | None
) -> None:
    root = make([])
    content = json.loads(GOOD_TEXT)
    reverse = dict(reversed(content.items()))
    for one in (content, reverse):
        (root / "annotations/instances_val2014.json").write_text(json.dumps(one, indent=indent))
        (sample,) = open_folder(root)
        np.testing.assert_array_equal(sample.queries[0].region.mask(), EXPECTED_SQUARE)


def test_folder_without_coco_is_refused_with_what_was_looked_for(
    tmp_path: Path, open_folder: Callable[..., Dataset]
) -> None:
    with pytest.raises(
        RaybenchError, match=r"expected pictures in train2017/ .* annotations/instances_train2017\.json"
    ):
        open_folder(tmp_path, split="train2017")


def test_pickled_dataset_reads_the_same(make: MakeCoco, open_folder: Callable[..., Dataset]) -> None:
    dataset = open_folder(make([annotation(1, 7, SQUARE)]))
    copy = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(copy[0].queries[0].region.mask(), EXPECTED_SQUARE)
    assert copy.fingerprint() == dataset.fingerprint()


def test_fingerprint_follows_annotations_sizes_and_categories(
    make: MakeCoco, open_folder: Callable[..., Dataset]
) -> None:
    variants = [
        ([annotation(1, 7, SQUARE)], [image(1)]),
        ([annotation(1, 3, SQUARE)], [image(1)]),
        ([annotation(1, 7, RUNS)], [image(1)]),
        ([annotation(1, 7, SQUARE)], [image(1, height=31)]),
        ([annotation(1, 7, SQUARE)], [image(1), image(2)]),
    ]
    found = [open_folder(make(*variant)).fingerprint() for variant in variants]
    assert len(set(found)) == len(variants)
    assert open_folder(make(*variants[0])).fingerprint() == found[0]
    (make(*variants[4]) / "ids.txt").write_text("p1\n")
    assert open_folder(make(*variants[4]), list="ids.txt").fingerprint() == found[0]


def test_compressed_run_lengths_are_read() -> None:
    rng = np.random.default_rng(0)
    for share in (0.001, 0.02, 0.5, 0.99):
        mask = rng.random(SIZE) < share
        runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        segmentation = {"size": runs["size"], "counts": runs["counts"].decode("ascii")}
        np.testing.assert_array_equal(union(encode(segmentation, SIZE), SIZE), mask)
    large = np.zeros((900, 1100), dtype=bool)
    large[::2, 300:800] = True
    large[:, 1000] = True
    runs = coco_mask.encode(np.asfortranarray(large.astype(np.uint8)))
    segmentation = {"size": runs["size"], "counts": runs["counts"].decode("ascii")}
    np.testing.assert_array_equal(union(encode(segmentation, Size(900, 1100)), Size(900, 1100)), large)


def test_real_pictures_have_the_known_counts(real_data: Path) -> None:
    dataset = DATASETS.get("coco").open(real_data / "coco", PROTOCOLS["aaai21"])
    samples = list(dataset)
    assert len(samples) == 128
    assert list(dataset.image_ids) == sorted(dataset.image_ids)
    assert sum(len(json.loads(text)) for text in dataset.annotations) == 987
    assert sum(not sample.queries for sample in samples) == 2
    assert not any(sample.notes for sample in samples)
    assert all(sample.size == sample.image.size[::-1] for sample in samples)


# TorchRay calls pycocotools, which does not know numpy 2's `copy`
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_real_masks_and_distances_are_those_of_torchray_and_scipy(
    real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torchray = pytest.importorskip("torchray.benchmark.datasets")
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    dataset = DATASETS.get("coco").open(real_data / "coco", PROTOCOLS["aaai21"])
    assert capsys.readouterr().out == ""
    reference = torchvision.datasets.CocoDetection(
        real_data / "coco/val2014", real_data / "coco/annotations/instances_val2014.json"
    )
    number_of = {Path(entry["file_name"]).stem: key for key, entry in reference.coco.imgs.items()}
    for sample in dataset:
        label = reference.coco.loadAnns(reference.coco.getAnnIds(number_of[sample.image_id]))
        assert sorted(torchray.coco_as_class_ids(label)) == list(sample.targets)
        for query in sample.queries:
            expected = torchray.coco_as_mask(reference, label, query.class_index).numpy()
            np.testing.assert_array_equal(query.region.mask(), expected)
        if sample.queries:  # the last class of each picture: the transform takes long
            near = scipy_ndimage.distance_transform_edt(~expected) < 15
            np.testing.assert_array_equal(query.region.near(15), near)
