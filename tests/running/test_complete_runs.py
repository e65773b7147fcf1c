"""What a run takes for whole: images with all of their rows, rows that it was asked for, the same weights."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from tiny_suite import TinySuite, manifest_of, result_bytes

from raybench.base.errors import RaybenchError
from raybench.benchmark.running import SilentReporter, account, integrity
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
    for known in ("rows", "rows_sha256"):
        manifest.pop(known)  # as of a version that did not count them: only the other file tells
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


ONE_METHOD = {"attributions": ["uniform"], "metrics": ["content_heatmap"], "gallery": 0}


def one_file(tmp_path: Path, methods: dict[str, object] = ONE_METHOD) -> tuple[Path, Settings, Path]:
    """A suite with one file of rows, the settings to run it, and the file."""
    suite, out = tmp_path / "pairs.yaml", tmp_path / "out"
    suite.write_text(json.dumps({"name": "pairs", "protocol": "aaai21", "dataset": "coco", **methods}))
    if not (tmp_path / "coco").exists():
        coco(tmp_path / "coco")
    return (
        suite,
        Settings(data={"coco": tmp_path / "coco"}, out=out, workers=0),
        out / "none/uniform/records.csv",
    )


def cut(path: Path) -> None:
    """Take the last row off, so that every line that is left is whole."""
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("moment", ["summed up", "said complete"])
@pytest.mark.parametrize(
    ("name", "harm"), [("none/uniform/records.csv", cut), ("notes.csv", Path.unlink), ("summary.csv", cut)]
)
def test_file_that_changes_after_it_was_verified_ends_the_run_before_it_says_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, harm: Callable[[Path], None], name: str
) -> None:
    suite, asked, _ = one_file(tmp_path)
    broken = asked.out / name
    if moment == "summed up":
        original = account.write_summary

        def summed(*given: object) -> object:
            content = original(*given)
            harm(broken)
            return content

        monkeypatch.setattr(account, "write_summary", summed)
    else:
        write = integrity.write_manifest

        def written(out: Path, manifest: dict[str, object]) -> None:
            write(out, manifest)
            if manifest["status"] == "complete":
                harm(broken)

        monkeypatch.setattr(integrity, "write_manifest", written)
    with pytest.raises(RaybenchError, match=f"{name} was removed or changed while the run went on"):
        evaluate(suite, asked)
    assert manifest_of(asked.out)["status"] == "running"
    monkeypatch.undo()
    evaluate(suite, asked)
    mended = result_bytes(asked.out)
    evaluate(suite, Settings(data=asked.data, out=tmp_path / "undisturbed", workers=0))
    assert mended == result_bytes(tmp_path / "undisturbed")


def test_file_cut_between_its_merging_and_the_note_of_it_is_filled_from_its_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, asked, path = one_file(tmp_path)
    write = integrity.write_manifest

    def killed(out: Path, manifest: dict[str, object]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(integrity, "write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate(suite, asked)
    monkeypatch.setattr(integrity, "write_manifest", write)
    whole = path.read_text()
    cut(path)  # an image with two rows keeps one: nothing else in the folder tells
    cut(path)
    evaluate(suite, asked)
    assert path.read_text() == whole


def test_run_killed_while_it_replaces_a_file_keeps_the_rows_of_the_runs_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, asked, path = one_file(tmp_path)
    evaluate(suite, Settings(data=asked.data, out=asked.out, workers=0, limit=1))
    write = integrity.write_manifest

    def killed(out: Path, manifest: dict[str, object]) -> None:
        if "merging" not in manifest:
            raise KeyboardInterrupt
        write(out, manifest)

    monkeypatch.setattr(integrity, "write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate(suite, asked)
    monkeypatch.setattr(integrity, "write_manifest", write)
    evaluate(suite, asked)
    assert len(path.read_text().splitlines()) == 1 + 3
    assert not list(asked.out.rglob("*.damaged"))


def test_damaged_file_of_an_earlier_run_leaves_the_summary_and_is_named(tmp_path: Path) -> None:
    suite, asked, path = one_file(tmp_path)
    evaluate(suite, asked)
    before, told = result_bytes(asked.out), []
    cut(path)
    other, _, _ = one_file(tmp_path, ONE_METHOD | {"attributions": ["center"]})

    class Listening(SilentReporter):
        def say(self, message: str) -> None:
            told.append(message)

    results = evaluate(other, asked, reporter=Listening())
    assert set(results.summary["attribution"]) == {"center"}
    assert any(
        "none/uniform/records.csv is not what an earlier run wrote: its row is left" in line for line in told
    )
    suite, _, _ = one_file(tmp_path)
    evaluate(suite, asked)
    assert result_bytes(asked.out)["none/uniform/records.csv"] == before["none/uniform/records.csv"]


def test_run_that_was_refused_before_its_first_row_binds_no_later_one(tmp_path: Path) -> None:
    suite, asked, path = one_file(tmp_path)
    hidden = tmp_path / "hidden"
    (tmp_path / "coco/val2014").rename(hidden)
    (tmp_path / "coco/val2014").mkdir()
    for picture in hidden.iterdir():
        (tmp_path / "coco/val2014" / picture.name).write_text("no picture")
    with pytest.raises(RaybenchError, match="none of the 2 images could be used"):
        evaluate(suite, asked)
    shutil.rmtree(tmp_path / "coco/val2014")
    hidden.rename(tmp_path / "coco/val2014")
    suite.write_text(suite.read_text().replace('"aaai21"', '"aaai21-clamped"'))  # by other rules
    evaluate(suite, asked)
    assert len(path.read_text().splitlines()) == 1 + 3
    suite.write_text(suite.read_text().replace("-clamped", ""))
    with pytest.raises(RaybenchError, match=r"holds results with protocol.* use another --out"):
        evaluate(suite, asked)


def test_a_metric_that_a_folder_lacks_is_refused_in_words(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, limit=1, metrics=["PG"]))
    asked = "holds results by pointing_game, and this run asks for pointing_game, content_heatmap: all rows"
    with pytest.raises(RaybenchError, match=f"{asked} .*; use another --out, or --fresh"):
        evaluate(tiny.suite, settings(tiny, limit=1, metrics=["PG", "CH"]))
    named = {"dataset": "{name: shapes, split: val}"}
    with pytest.raises(
        RaybenchError, match=r"results without dataset\.options\.split, and this run has 'val'"
    ):
        evaluate(tiny.suite, settings(tiny, limit=1, metrics=["PG"], **named))


@pytest.mark.parametrize(("option", "given"), [("--attribution", "attributions"), ("--metric", "metrics")])
def test_unknown_name_of_an_option_names_the_option(tiny: TinySuite, option: str, given: str) -> None:
    with pytest.raises(RaybenchError, match=f"^{option}: unknown .* 'grad_cm'") as told:
        evaluate(tiny.suite, settings(tiny, **{given: ["grad_cm"]}))
    assert str(tiny.suite) not in str(told.value)
