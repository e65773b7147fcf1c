"""Runs over data that cannot mean what is measured, or that cannot be afforded; and own readers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import PIL.Image
import pytest
from tiny_suite import manifest_of

from raybench.base import Box, RaybenchError, Size, UnknownNameError
from raybench.benchmark.datasets import BoxRegion, Query, Sample
from raybench.benchmark.loading import Needs, PreparedImages
from raybench.benchmark.results import open_results, remarks
from raybench.benchmark.running import Results, evaluate
from raybench.benchmark.suite import PROTOCOLS, Settings, Suite

SQUARE = [[0, 0, 30, 0, 30, 20, 0, 20]]  # a quarter of a picture of 60 x 40 pixels


def run(folder: Path, dataset: str, data: Mapping[str, Path], *, trust_code: bool = True) -> Results:
    """Measure the uniform map, whose content heatmap is the region's share of the picture."""
    suite = Suite(
        name="s",
        protocol="aaai21-clamped",
        dataset=dataset,
        attributions=["uniform"],
        metrics=["content_heatmap"],
        gallery=0,
    )
    settings = Settings(data=data, out=folder / "out", processes=1, workers=0, trust_code=trust_code)
    return evaluate(suite, settings)


def test_class_folders_without_boxes_are_refused_before_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "in/val/n01440764"
    folder.mkdir(parents=True)
    for number in range(3):
        PIL.Image.new("RGB", (40, 30)).save(folder / f"p{number}.JPEG")
    with pytest.raises(RaybenchError, match="no region in any picture, no box and no mask"):
        run(tmp_path, "imagenet", {"imagenet": tmp_path / "in"})
    assert not (tmp_path / "out").exists()


def test_pictures_that_are_left_out_are_counted_once_each_under_the_table(tmp_path: Path) -> None:
    for name in ("val2014", "annotations"):
        (tmp_path / name).mkdir()
    for name in "abc":
        PIL.Image.new("RGB", (60, 40)).save(tmp_path / f"val2014/{name}.jpg")
    (tmp_path / "val2014/d.jpg").write_bytes(b"")
    content = {
        "images": [
            {"id": n, "file_name": f"{name}.jpg", "width": 60, "height": 40} for n, name in enumerate("abcd")
        ],
        "annotations": [
            {"image_id": 0, "category_id": 18, "segmentation": SQUARE, "area": area} for area in (1, 9000)
        ],
        "categories": [{"id": 18, "name": "dog"}],
    }
    (tmp_path / "annotations/instances_val2014.json").write_text(json.dumps(content))
    results = run(tmp_path, "coco", {"coco": tmp_path})
    assert results.records("none", "uniform")["content_heatmap"].tolist() == [pytest.approx(25)]
    assert remarks([open_results(results.out)]) == (
        "skipped, as they could not be used: 1 picture; run.json says why",
        "2 pictures: nothing is annotated that could be asked about",
        "1 picture: a mask contradicts the area of its own annotation; the mask is used",
    )


def test_first_picture_may_have_a_class_without_pixels(tmp_path: Path) -> None:
    for name in ("val2014", "annotations"):
        (tmp_path / name).mkdir()
    PIL.Image.new("RGB", (60, 40)).save(tmp_path / "val2014/a.jpg")
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 60, "height": 40}],
        "annotations": [
            {"image_id": 1, "category_id": number, "segmentation": polygons}
            for number, polygons in ((17, [[40, 10]]), (18, SQUARE))
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
    }
    (tmp_path / "annotations/instances_val2014.json").write_text(json.dumps(content))
    results = run(tmp_path, "coco", {"coco": tmp_path})
    assert results.records("none", "uniform")["content_heatmap"].tolist() == [0, pytest.approx(25)]


@pytest.mark.parametrize(
    ("picture", "annotated", "queries", "view", "message"),
    [
        ((20_000, 1), (20_000, 1), 1, "whole", "8960000 x 448 with a shorter side of 448: too long"),
        ((1, 20_000), (1, 20_000), 1, "whole", "448 x 8960000 with a shorter side of 448: too long"),
        ((20_000, 1), (20_000, 1), 0, "crop", "5120000 x 256 with a shorter side of 256: too long"),
        ((60, 40), (13_000, 13_000), 1, "whole", "1 maps of 13000 x 13000 pixels, .* too much memory"),
        ((60, 40), (6_000, 4_000), 7, "whole", "7 maps of 6000 x 4000 pixels, .* too much memory"),
        ((20_000, 1), (20_000, 1), 0, "whole", ""),  # nothing is asked about
        ((1, 1), (1, 1), 1, "whole", ""),
    ],
)
def test_picture_that_cannot_be_afforded_is_skipped_by_name(
    picture: tuple[int, int], annotated: tuple[int, int], queries: int, view: str | None, message: str
) -> None:
    size = Size(annotated[1], annotated[0])
    asked = tuple(Query(number, BoxRegion(size, (Box(0, 0, 0, 0),))) for number in range(queries))
    sample = Sample("a", size, PIL.Image.new("RGB", picture), asked, (3,))

    class One:
        image_ids = ("a",)
        classes = range(8)

        def __getitem__(self, index: int) -> Sample:
            return sample

        def path_of(self, index: int) -> str:
            return "a.png"

    needs = Needs(frozenset({view} if view else ()), masks=bool(queries))
    error = PreparedImages(One(), [0], PROTOCOLS["aaai21"], needs, 0)[0].error
    assert re.fullmatch(f"a.png.*{message}.*", error) if message else error == ""


# readers in files

READER = """
import PIL.Image
from raybench.base import Box, Size
from raybench.benchmark.datasets import BoxRegion, Query, Sample, dataset

class Flowers:
    name, multilabel, has_images = "flowers", False, True

    def __init__(self, root, classes, image_ids):
        self.root, self.classes, self.image_ids = root, classes, image_ids

    def __len__(self):
        return len(self.image_ids)

    def __getitem__(self, index):
        image = PIL.Image.open(self.path_of(index)).convert("RGB")
        region = BoxRegion(Size(image.height, image.width), (Box(0, 0, 29, 19),))
        return Sample(self.image_ids[index], region.size, image, (Query(0, region),), (0,))

    def path_of(self, index):
        return str(self.root / f"{self.image_ids[index]}.png")

    def fingerprint(self):
        return "0" * 64

@dataset("flowers", classes="imagenet1k", multilabel=False)
def flowers(root, protocol, classes, selection):
    return Flowers(root, classes, selection.of((path.stem for path in root.glob("*.png")), root))

def plain(root, protocol, classes, selection):
    return None
"""


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Path]:
    """A reader in `mine.py`, and the folder of its data."""
    (tmp_path / "mine.py").write_text(READER)
    (tmp_path / "in").mkdir()
    for name in "ab":
        PIL.Image.new("RGB", (60, 40)).save(tmp_path / f"in/{name}.png")
    return {"flowers": tmp_path / "in"}


def test_reader_in_a_file_is_measured_and_its_code_noted(tmp_path: Path, own: dict[str, Path]) -> None:
    name = f"{tmp_path}/mine.py:flowers"
    results = run(tmp_path, name, own)
    assert results.records("none", "uniform")["content_heatmap"].tolist() == [pytest.approx(25)] * 2
    manifest = manifest_of(results.out)
    assert manifest["dataset"]["name"] == "flowers"
    assert manifest["code"] == {"mine.py:flowers": hashlib.sha256(READER.encode()).hexdigest()}


def test_reader_in_a_file_is_refused_where_it_cannot_be_one(tmp_path: Path, own: dict[str, Path]) -> None:
    name = f"{tmp_path}/mine.py:flowers"
    with pytest.raises(
        RaybenchError, match=r"dataset '.*mine.py:flowers' would run the code of .*--trust-code"
    ):
        run(tmp_path, name, own, trust_code=False)
    with pytest.raises(RaybenchError, match=r"dataset 'mine.py:plain' is a function without .*; decorate it"):
        run(tmp_path, f"{tmp_path}/mine.py:plain", own)
    with pytest.raises(
        UnknownNameError, match=r"unknown function of .*mine.py 'flower'; did you mean 'flowers'"
    ):
        run(tmp_path, f"{tmp_path}/mine.py:flower", own)


@pytest.mark.parametrize(
    ("find", "put", "said"),
    [
        (
            "(Box(0, 0, 29, 19),)",
            "(Box(0, 0, 29, 200),)",
            "image 'a', class 0: box 1, 0 0 29 200, reaches out",
        ),
        ("(Box(0, 0, 29, 19),)", "(Box(29, 0, 0, 19),)", "image 'a', class 0: box 1, 29 0 0 19, ends before"),
        ("Size(image.height, image.width)", "Size(image.width, image.height)", "image 'a': .* are swapped"),
        ("(Query(0, region),)", "(Query(-1, region),)", "class -1 is none of the 1000 classes"),
        ("(0,))", "(1000,))", "class 1000 is none of the 1000 classes"),
    ],
)
def test_region_of_one_s_own_reader_that_does_not_fit_is_counted_with_image_and_entry(
    tmp_path: Path, own: dict[str, Path], find: str, put: str, said: str
) -> None:
    (tmp_path / "mine.py").write_text(READER.replace(find, put))
    with pytest.raises(RaybenchError, match=f"none of the 2 images could be used, .*{said}"):
        run(tmp_path, f"{tmp_path}/mine.py:flowers", own)
