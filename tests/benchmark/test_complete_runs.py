"""A run says that it is complete only if its files are, and a complete one notices other weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from tiny_suite import TinySuite, manifest_of, result_bytes

from raybench.base.errors import RaybenchError
from raybench.benchmark.running.progress import SilentReporter
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings


class Damaging(SilentReporter):
    """Does some damage when the second network's pass begins."""

    def __init__(self, damage: Callable[[], None]) -> None:
        self._damage = damage

    def start(self, title: str, total: int, done: int) -> None:
        if title == "second":
            self._damage()


def settings(tiny: TinySuite, out: str = "out", **changes: object) -> Settings:
    return Settings(**{"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, **changes})


@pytest.fixture
def whole(tiny: TinySuite) -> dict[str, bytes]:
    evaluate(tiny.suite, settings(tiny, "whole"))
    return result_bytes(tiny.folder / "whole")


@pytest.mark.parametrize(
    ("lost", "file"),
    [("first/gradient", "first/gradient/records.csv"), ("first/predictions.csv", "first/predictions.csv")],
)
def test_run_whose_rows_vanish_is_not_complete_and_the_same_command_completes_it(
    tiny: TinySuite, whole: dict[str, bytes], lost: str, file: str
) -> None:
    path = tiny.folder / "out" / lost

    def damage() -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    first = whole[file].decode().splitlines()[1].split(",")[0]
    with pytest.raises(RaybenchError, match=rf"out/{file} lacks rows of image '{first}' and of \d+ more"):
        evaluate(tiny.suite, settings(tiny), reporter=Damaging(damage))
    assert manifest_of(tiny.folder / "out")["status"] == "running"
    evaluate(tiny.suite, settings(tiny))
    assert manifest_of(tiny.folder / "out")["status"] == "complete"
    assert result_bytes(tiny.folder / "out") == whole


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
    with pytest.raises(RaybenchError, match=f"none/center/records.csv lacks rows of image '{image}'; was "):
        evaluate(suite, asked)
    evaluate(suite, asked)
    assert result_bytes(out) == before


def test_rows_of_a_method_that_is_not_asked_for_now_may_be_fewer(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, limit=3))
    evaluate(tiny.suite, settings(tiny, attributions=["gradient"]))
    assert manifest_of(tiny.folder / "out")["status"] == "complete"


def test_replaced_weights_of_a_complete_run_are_noticed(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, limit=1))
    evaluate(tiny.suite, settings(tiny, limit=1))
    shutil.copy(tiny.folder / "second.safetensors", tiny.folder / "first.safetensors")
    known, now = manifest_of(tiny.folder / "out")["weights_sha256"].values()
    message = f"weights of 'first' have changed .* {known[:12]} then, {now[:12]} now"
    with pytest.raises(RaybenchError, match=message):
        evaluate(tiny.suite, settings(tiny, limit=1))


def test_empty_out_of_the_command_line_is_refused_and_nothing_written(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "raybench", "run", "demo", "--out", ""]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "raybench: out is ''; expected the path of a folder" in done.stderr
    assert not list(tmp_path.iterdir())
