"""VOC on hand-made boxes, on the real pictures, and against TorchRay."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torchvision
from defusedxml.ElementTree import parse

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets import DATASETS, Box, BoxRegion, Dataset, Query, Size
from raybench.benchmark.datasets.sample import AnnotationError, UnreadableImageError
from raybench.benchmark.suite.protocol import PROTOCOLS

ICCV19 = PROTOCOLS["iccv19"]
SIZE = Size(height=30, width=40)


@pytest.fixture
def make(tmp_path: Path, write_picture, write_xml) -> Callable[..., Path]:
    """Write a VOC folder of one picture per list of objects, and return its root."""

    def write(folder: str = "VOC2007", **objects: list[tuple[object, ...]]) -> Path:
        for name, items in objects.items():
            write_picture(tmp_path / folder / f"JPEGImages/{name}.jpg")
            write_xml(tmp_path / folder / f"Annotations/{name}.xml", items)
        return tmp_path

    return write


def open_voc(root: Path, protocol: str = "iccv19", **options: object) -> Dataset:
    return DATASETS.get("voc").open(root, PROTOCOLS[protocol], options=options)


@pytest.mark.parametrize("folder", ["VOC2007", "VOCdevkit/VOC2012", "."])
@pytest.mark.parametrize("protocol", ["iccv19", "aaai21"])
def test_every_class_is_a_query_with_the_union_of_its_boxes(
    make: Callable[..., Path], folder: str, protocol: str
) -> None:
    objects = [("dog", (3, 5, 20, 6), 0), ("bird", (1.2, 1, 40, 29.7), 0), ("dog", (1, 1, 1, 1), 1)]
    dataset = open_voc(make(folder, one=objects), protocol)
    (sample,) = dataset
    assert (dataset.name, dataset.multilabel, dataset.has_images) == ("voc", True, True)
    assert (sample.image_id, sample.size, sample.targets) == ("one", SIZE, (2, 11))  # bird, dog
    assert sample.queries == (
        Query(2, BoxRegion(SIZE, (Box(0, 0, 39, 29),))),
        # small, and a bird is there as well
        Query(11, BoxRegion(SIZE, (Box(2, 4, 19, 5), Box(0, 0, 0, 0))), subsets=("difficult",)),
    )


def test_class_of_difficult_boxes_alone_is_a_target_but_no_query(make: Callable[..., Path]) -> None:
    root = make(one=[("dog", (3, 5, 20, 6), 1), ("cat", (1, 1, 5, 5), 0), ("cat", (6, 6, 7, 7), 1)])
    (sample,) = open_voc(root)
    assert sample.targets == (7, 11)
    assert [query.class_index for query in sample.queries] == [7]
    assert len(sample.queries[0].region.boxes) == 2  # the difficult cat still belongs to the region
    (sample,) = open_voc(root, "aaai21")
    assert [query.class_index for query in sample.queries] == [7, 11]


def test_split_names_the_images(make: Callable[..., Path], tmp_path: Path) -> None:
    root = make(one=[("dog", (1, 1, 2, 2))], two=[("cat", (1, 1, 2, 2))])
    assert open_voc(root).image_ids == ("one", "two")
    (tmp_path / "VOC2007/ImageSets/Main").mkdir(parents=True)
    (tmp_path / "VOC2007/ImageSets/Main/test.txt").write_text("two\nmissing\n")
    dataset = open_voc(root, split="test")
    assert dataset.image_ids == ("missing", "two")
    assert dataset[1].targets == (7,)
    with pytest.raises(UnreadableImageError, match=r"JPEGImages/missing\.jpg: no such file"):
        dataset[0]
    with pytest.raises(RaybenchError, match=r"cannot read the split .*Main/tset\.txt; there is 'test'"):
        open_voc(root, split="tset")


def test_bad_annotation_is_reported_when_it_is_read(make: Callable[..., Path], tmp_path: Path) -> None:
    root = make(
        a=[("yak", (1, 1, 2, 2))],
        b=[("dog", (90, 1, 99, 2))],
        c=[("dog", (1, 1, 2, 2))],
        d=[("dog", (1, 1, 2, 2))],
    )
    (tmp_path / "VOC2007/Annotations/d.xml").unlink()
    dataset = open_voc(root)
    for index, message in ((0, "class 'yak' is not"), (1, "dog: every box lies outside"), (3, "cannot read")):
        with pytest.raises(AnnotationError, match=message):
            dataset[index]
    assert dataset[2].targets == (11,)


def test_folder_without_voc_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(RaybenchError, match="looked for JPEGImages/ and Annotations/ there, in VOC2007/"):
        open_voc(tmp_path)


def test_two_years_must_be_chosen_from(make: Callable[..., Path]) -> None:
    make("VOC2007", one=[("dog", (1, 1, 2, 2))])
    root = make("VOC2012", two=[("dog", (1, 1, 2, 2))])
    with pytest.raises(RaybenchError, match="holds VOC2007 and VOC2012; write dataset: .*year: 2007"):
        open_voc(root)
    assert open_voc(root / "VOC2012").image_ids == ("two",)


def test_fingerprint_follows_the_annotations(make: Callable[..., Path]) -> None:
    first = open_voc(make(one=[("dog", (1, 1, 2, 2))]))
    fingerprint = first.fingerprint()
    assert pickle.loads(pickle.dumps(first)).fingerprint() == fingerprint
    assert open_voc(make(one=[("dog", (1, 1, 2, 3))])).fingerprint() != fingerprint


def test_real_pictures_have_the_known_counts(real_data: Path) -> None:
    dataset = DATASETS.get("voc").open(real_data / "voc", PROTOCOLS["aaai21"])
    samples = list(dataset)
    assert len(samples) == 101
    assert sum(len(query.region.boxes) for sample in samples for query in sample.queries) == 274
    assert {target for sample in samples for target in sample.targets} == set(range(20))
    assert not any(sample.notes for sample in samples)


def test_real_masks_are_torchrays(real_data: Path) -> None:
    torchray = pytest.importorskip("torchray.benchmark.datasets")
    dataset = DATASETS.get("voc").open(real_data / "voc", PROTOCOLS["aaai21"], options={"split": "sample"})
    for sample in dataset:
        root = parse(real_data / f"voc/VOC2012/Annotations/{sample.image_id}.xml").getroot()
        label = torchvision.datasets.VOCDetection.parse_voc_xml(root)
        for item in label["annotation"]["object"]:  # TorchRay cannot read the one box with a fraction
            item["bndbox"].update({tag: str(round(float(text))) for tag, text in item["bndbox"].items()})
        assert sorted(torchray.voc_as_class_ids(label)) == list(sample.targets)
        assert torchray.voc_as_image_size(label) == sample.size[::-1]
        for query in sample.queries:
            expected = torchray.voc_as_mask(label, query.class_index).numpy()
            np.testing.assert_array_equal(query.region.mask(), expected)


def test_real_queries_leave_out_what_torchray_skips(real_data: Path) -> None:
    torchray = pytest.importorskip("torchray.benchmark.datasets")
    dataset = DATASETS.get("voc").open(real_data / "voc", ICCV19)
    skipped = 0
    for sample in dataset:
        root = parse(real_data / f"voc/VOC2012/Annotations/{sample.image_id}.xml").getroot()
        marks: dict[int, list[str]] = {}
        for item in root.findall("object"):
            marks.setdefault(torchray.VOC_CLASSES.index(item.findtext("name")), []).append(
                item.findtext("difficult")
            )
        kept = sorted(index for index, values in marks.items() if "0" in values)
        assert [query.class_index for query in sample.queries] == kept
        skipped += len(marks) - len(kept)
    assert skipped > 0
