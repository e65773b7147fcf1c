"""ImageNet in every layout that people keep it in: the same numbers from each, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from raybench.base import RaybenchError
from raybench.benchmark.datasets import DATASETS, Dataset
from raybench.benchmark.suite import PROTOCOLS

RULES = PROTOCOLS["aaai21-clamped"]
WIDTH, HEIGHT = 40, 30
CLASSES = ("ape", "bee", "cow")
# ten pictures: class and one or two boxes, as ILSVRC writes them
OBJECTS = {
    f"ILSVRC2012_val_{number:08d}": (
        CLASSES[number % 3],
        [(number, 2 * number, number + 9, 2 * number + 7), (30, 1, 39, 9)][: 1 + number % 2],
    )
    for number in range(10)
}


Write = Callable[..., Path]


class Writer:
    """Writes parts of ImageNet."""

    def __init__(self, root: Path, write_picture: Write, write_xml: Write) -> None:
        self.root, self.write_picture, self.write_xml = root, write_picture, write_xml

    def pictures(self, folder: str, *, by_class: bool = False) -> None:
        for image_id, (name, _) in OBJECTS.items():
            inner = f"{folder}/{name}" if by_class else folder
            self.write_picture(self.root / inner / f"{image_id}.JPEG", WIDTH, HEIGHT)

    def xml(self, folder: str, *, by_class: bool = False) -> None:
        for image_id, (name, boxes) in OBJECTS.items():
            inner = f"{folder}/{name}" if by_class else folder
            self.write_xml(self.root / inner / f"{image_id}.xml", [(name, box) for box in boxes])

    def kaggle(self, folder: str = "") -> None:
        rows = [
            f"{image_id},{''.join(f'{name} {x} {y} {x1} {y1} ' for x, y, x1, y1 in boxes)}"
            for image_id, (name, boxes) in OBJECTS.items()
        ]
        text = "\n".join(["ImageId,PredictionString", *rows[::-1]])
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / folder / "LOC_val_solution.csv").write_text(text)

    def wsol(self, folder: str) -> None:
        path = self.root / folder
        path.mkdir(parents=True, exist_ok=True)
        files = {"class_labels": [], "image_sizes": [], "localization": []}
        for image_id, (name, boxes) in OBJECTS.items():
            files["class_labels"].append(f"val/{image_id}.JPEG,{CLASSES.index(name)}")
            files["image_sizes"].append(f"val/{image_id}.JPEG,{WIDTH},{HEIGHT}")
            files["localization"] += [f"val/{image_id}.JPEG,{','.join(map(str, box))}" for box in boxes]
        for file, lines in files.items():
            (path / f"{file}.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def writer(tmp_path: Path, write_picture: Callable[..., Path], write_xml: Callable[..., Path]) -> Writer:
    (tmp_path / "data").mkdir()
    return Writer(tmp_path / "data", write_picture, write_xml)


LAYOUTS: dict[str, tuple[str, Callable[[Writer], None]]] = {
    "flat with XML": ("", lambda w: (w.pictures("val"), w.xml("val"))),
    "classes with XML": ("", lambda w: (w.pictures("val", by_class=True), w.xml("annotation/val"))),
    "XML in class folders": (
        "",
        lambda w: (w.pictures("val", by_class=True), w.xml("Annotations/CLS-LOC/val", by_class=True)),
    ),
    "Kaggle's tree": (
        "",
        lambda w: (w.pictures("ILSVRC/Data/CLS-LOC/val"), w.xml("ILSVRC/Annotations/CLS-LOC/val")),
    ),
    "Kaggle's tree with its table": ("", lambda w: (w.pictures("ILSVRC/Data/CLS-LOC/val"), w.kaggle())),
    "Kaggle's table above ILSVRC": ("ILSVRC", lambda w: (w.pictures("ILSVRC/Data/CLS-LOC/val"), w.kaggle())),
    "Kaggle's table above the pictures": (
        "ILSVRC/Data/CLS-LOC/val",
        lambda w: (w.pictures("ILSVRC/Data/CLS-LOC/val"), w.kaggle()),
    ),
    "torchvision's root with Kaggle's table": ("", lambda w: (w.pictures("val", by_class=True), w.kaggle())),
    "flat with Kaggle's table": ("", lambda w: (w.pictures("val"), w.kaggle())),
    "official archives": (
        "",
        lambda w: (w.pictures("ILSVRC2012_img_val"), w.xml("ILSVRC2012_bbox_val_v3/val")),
    ),
    "official archives, XML unpacked beside": (
        "",
        lambda w: (w.pictures("ILSVRC2012_img_val"), w.xml("val")),
    ),
    "official archives, pictures given": (
        "ILSVRC2012_img_val",
        lambda w: (w.pictures("ILSVRC2012_img_val"), w.xml("ILSVRC2012_bbox_val_v3/val")),
    ),
    "XML in a folder of any name": ("", lambda w: (w.pictures("val", by_class=True), w.xml("val_bbox"))),
    "unpacked one folder too deep": ("", lambda w: (w.pictures("val/val"), w.xml("val/annotation"))),
    "Kaggle's table one folder down": ("", lambda w: (w.pictures("val"), w.kaggle("boxes"))),
    "XML in bbox": ("", lambda w: (w.pictures("val"), w.xml("bbox/val"))),
    "wsolevaluation's files in all_val_boxes": ("", lambda w: (w.pictures("val"), w.wsol("all_val_boxes"))),
    "wsolevaluation's checkout": (
        "",
        lambda w: (w.pictures("dataset/ILSVRC/val"), w.wsol("metadata/ILSVRC/test")),
    ),
    "wsolevaluation's dataset folder": (
        "dataset/ILSVRC",
        lambda w: (w.pictures("dataset/ILSVRC/val"), w.wsol("metadata/ILSVRC/test")),
    ),
}


def opened(root: Path, classes: Path, **options: str) -> Dataset:
    return DATASETS.get("imagenet").open(root, RULES, options={"classes": str(classes), **options})


@pytest.mark.parametrize(("given", "write"), LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_gives_the_same_regions(
    given: str, write: Callable[[Writer], None], writer: Writer, animals_file: Path
) -> None:
    write(writer)
    data = opened(writer.root / given, animals_file)
    assert data.image_ids == tuple(OBJECTS)
    for sample, (name, boxes) in zip(data, OBJECTS.values(), strict=True):
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        for x, y, x1, y1 in boxes:
            mask[max(y - 1, 0) : y1, max(x - 1, 0) : x1] = True
        assert sample.targets == (CLASSES.index(name),)
        np.testing.assert_array_equal(sample.queries[0].region.mask(), mask)


def test_xml_comes_before_a_table_unless_the_suite_names_one(writer: Writer, animals_file: Path) -> None:
    writer.pictures("val")
    writer.write_xml(writer.root / "val" / "ILSVRC2012_val_00000000.xml", [("cow", (1, 1, 2, 2))])
    writer.kaggle()
    assert opened(writer.root, animals_file)[0].targets == (2,)
    assert opened(writer.root, animals_file, boxes="LOC_val_solution.csv")[0].targets == (0,)
    assert opened(writer.root, animals_file, boxes="LOC_val_solution.csv").fingerprint() != (
        opened(writer.root, animals_file).fingerprint()
    )


def test_a_picture_that_a_table_leaves_out_is_skipped_with_the_table(
    writer: Writer, animals_file: Path
) -> None:
    writer.pictures("val")
    writer.write_picture(writer.root / "val" / "other.JPEG")
    writer.kaggle()
    with pytest.raises(RaybenchError, match=r"other\.JPEG has no annotation; .*LOC_val_solution\.csv has no"):
        opened(writer.root, animals_file)[10]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,ape 1 2 3", r"line 2: expected groups of a synset and four numbers, not 4 words"),
        ("a,ape 1 2 3 x", r"line 2: 'x' is no number of pixels"),
        ("a", r"line 2: expected ImageId,PredictionString, not 'a'"),
        ("a,ape 1 2 3 4\na,ape 1 2 3 4", r"line 3: the picture 'a' is there twice"),
        ("", r"names no picture below its header"),
        ("elsewhere,ape 1 2 3 4", r"names none of the pictures in"),
    ],
)
def test_a_damaged_table_of_kaggle_is_refused_with_its_line(
    line: str, message: str, writer: Writer, animals_file: Path
) -> None:
    writer.pictures("val")
    (writer.root / "LOC_val_solution.csv").write_text(f"ImageId,PredictionString\n{line}\n")
    with pytest.raises(RaybenchError, match=message):
        opened(writer.root, animals_file)


def test_a_table_that_is_named_but_is_none_is_refused(writer: Writer, animals_file: Path) -> None:
    writer.pictures("val")
    with pytest.raises(RaybenchError, match=r"nowhere\.csv holds no boxes: expected Kaggle's"):
        opened(writer.root, animals_file, boxes="nowhere.csv")


def test_real_pictures_have_the_same_regions_by_xml_and_by_wsolevaluation(real_data: Path) -> None:
    by_xml = DATASETS.get("imagenet").open(real_data / "imagenet", RULES)
    by_text = DATASETS.get("imagenet").open(real_data / "imagenet", RULES, options={"boxes": "all_val_boxes"})
    compared = 0
    for index, image_id in enumerate(by_xml.image_ids[:12]):
        ours, theirs = by_xml[index], by_text[by_text.image_ids.index(image_id)]
        if ours.size == theirs.size:
            assert ours.queries == theirs.queries
            compared += 1
    assert compared >= 10


def test_the_class_behind_the_names_of_hugging_face_is_understood(
    writer: Writer, tmp_path: Path, animals_file: Path
) -> None:
    classes = tmp_path / "synsets.txt"
    classes.write_text("n00000001\nn00000002\n")
    for number, name in ((1, "n00000001"), (2, "n00000002")):
        writer.write_picture(writer.root / f"val/ILSVRC2012_val_{number:08d}_{name}.JPEG", WIDTH, HEIGHT)
    writer.write_xml(writer.root / "bbox/ILSVRC2012_val_00000002.xml", [("n00000002", (1, 1, 4, 4))])
    first, second = opened(writer.root, classes)
    assert (first.image_id, first.targets, first.queries) == ("ILSVRC2012_val_00000001", (0,), ())
    assert (second.targets, len(second.queries)) == ((1,), 1)


def test_lists_of_ilsvrc_number_their_pictures(writer: Writer, animals_file: Path) -> None:
    writer.pictures("val")
    writer.xml("annotation")
    (writer.root / "val.txt").write_text("ILSVRC2012_val_00000003 1\nILSVRC2012_val_00000001 2\n")
    data = opened(writer.root, animals_file, list="val.txt")
    assert data.image_ids == ("ILSVRC2012_val_00000001", "ILSVRC2012_val_00000003")
