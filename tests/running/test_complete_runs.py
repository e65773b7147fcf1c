"""What a run takes for whole: images with all of their rows, rows that it was asked for, the same weights."""

from __future__ import annotations

import json
import re
from pathlib import Path

import PIL.Image
import pytest
from tiny_suite import TinySuite, manifest_of, result_bytes

from raybench.base.errors import RaybenchError
from raybench.benchmark.running import SilentReporter
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.checkpoints import load_network


def settings(tiny: TinySuite, out: str = "out", **changes: object) -> Settings:
    return Settings(**{"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, **changes})


def coco(folder: Path) -> Path:
    """Two pictures, the first with a person and a dog, the second with a dog."""
    (folder / "val2014").mkdir(parents=True)
    (folder / "annotations").mkdir()
    images, boxes = [], []
    for number, classes in ((1, (1, 18)), (2, (18,))):
        PIL.Image.new("RGB", (60, 40)).save(folder / "val2014" / f"{number}.jpg")
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 60, "height": 40})
        for one in classes:
            corners = [one, 5, one + 20, 5, one + 20, 30, one, 30]
            box = {"bbox": [one, 5, 20, 25], "area": 500, "iscrowd": 0, "segmentation": [corners]}
            boxes.append({"id": len(boxes) + 1, "image_id": number, "category_id": one, **box})
    categories = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    document = {"images": images, "annotations": boxes, "categories": categories}
    (folder / "annotations/instances_val2014.json").write_text(json.dumps(document))
    return folder


def test_image_that_lost_one_of_its_rows_is_measured_again(tmp_path: Path) -> None:
    suite = tmp_path / "pairs.yaml"
    methods = {"attributions": ["center", "uniform"], "metrics": ["content_heatmap"], "gallery": 0}
    suite.write_text(json.dumps({"name": "pairs", "protocol": "aaai21", "dataset": "coco", **methods}))
    data, out = coco(tmp_path / "coco"), tmp_path / "out"
    asked = Settings(data={"coco": data}, out=out, workers=0)
    evaluate(suite, asked)
    before = result_bytes(out)
    path = out / "none/center/records.csv"
    head, first, second, other = path.read_text().splitlines(keepends=True)
    image = first.split(",")[0]
    assert second.startswith(f"{image},")
    path.write_text(head + second + other)
    evaluate(suite, asked)
    assert result_bytes(out) == before
    path.write_text(head + second + other)
    manifest = manifest_of(out)
    manifest.pop("rows")  # as of a version that did not count them: only the other file tells
    (out / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(RaybenchError, match=f"none/center/records.csv lacks rows of image '{image}': the"):
        evaluate(suite, asked)
    evaluate(suite, asked)
    assert result_bytes(out) == before


def test_rows_of_a_method_that_is_not_asked_for_now_may_be_fewer(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, limit=3))
    evaluate(tiny.suite, settings(tiny, attributions=["gradient"]))
    assert manifest_of(tiny.folder / "out")["status"] == "complete"


def test_network_in_memory_that_was_trained_on_is_noticed(tiny: TinySuite) -> None:
    network = load_network(tiny.folder / "first.yaml")
    asked = settings(tiny, limit=1)
    evaluate(tiny.suite, asked, networks=[network])
    evaluate(tiny.suite, asked, networks=[network])
    next(network.module.parameters()).data += 1
    with pytest.raises(RaybenchError, match="weights of 'first' have changed since .*; use another --out"):
        evaluate(tiny.suite, asked, networks=[network])


@pytest.mark.parametrize(
    ("name", "find", "put", "said"),
    [
        ("none/center/records.csv", b"2,", b'2",', "quotes or line ends"),
        ("none/center/records.csv", b"\n1", b"", "holds 2 of its 3 rows|values, expected"),
        ("none/uniform/records.csv", b",constant,", b",\0onstant,", "a NUL byte"),
        ("none/uniform/records.csv", b",constant,", b",\xff\xfe,", "invalid start byte"),
        ("none/uniform/records.csv", b",constant,", b",constant,x", "not a number|not an integer"),
        ("notes.csv", b"image_id", b"imag", "has columns"),
    ],
)
def test_damaged_file_is_named_set_aside_and_measured_again(
    tmp_path: Path, name: str, find: bytes, put: bytes, said: str
) -> None:
    suite = tmp_path / "pairs.yaml"
    methods = {"attributions": ["center", "uniform"], "metrics": ["content_heatmap"], "gallery": 0}
    suite.write_text(json.dumps({"name": "pairs", "protocol": "aaai21", "dataset": "coco", **methods}))
    asked, told = Settings(data={"coco": coco(tmp_path / "coco")}, out=tmp_path / "out", workers=0), []

    class Listening(SilentReporter):
        def say(self, message: str) -> None:
            told.append(message)

    evaluate(suite, asked)
    before = result_bytes(asked.out)
    path = asked.out / name
    damaged = path.read_bytes().replace(find, put, 1)
    path.write_bytes(damaged)
    evaluate(suite, asked, reporter=Listening())
    (line,) = told
    assert re.search(said, line)
    assert re.search(
        f"{name}.*: all of its rows are measured again; what is left of it is {name}.damaged", line
    )
    assert result_bytes(asked.out) == before
    assert path.with_name(f"{path.name}.damaged").read_bytes() == damaged


def test_data_is_no_result_folder(tiny: TinySuite) -> None:
    for out in (tiny.data, tiny.data / "val", tiny.data.parent):
        with pytest.raises(RaybenchError, match="--out .* holds the data .*; name a folder for results"):
            evaluate(tiny.suite, Settings(data={"shapes": tiny.data}, out=out))
