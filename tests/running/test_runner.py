"""A run from suite to summary: the files, their independence of everything incidental, resuming."""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path

import PIL.Image
import pytest
import torch
from commands_running import start_command
from filelock import FileLock
from tiny_suite import IMAGES, TinySuite, manifest_of, result_bytes

import raybench
from raybench.attributions import ATTRIBUTIONS, Attribution
from raybench.base.errors import RaybenchError
from raybench.benchmark.metrics import METRICS, Metric
from raybench.benchmark.running.progress import SilentReporter
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.benchmark.suite.suite import load_suite


def settings(tiny: TinySuite, out: str, **changes: object) -> Settings:
    return Settings(**{"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, **changes})


def test_run_writes_the_files_other_tools_read(tiny: TinySuite) -> None:
    results = evaluate(tiny.suite, settings(tiny, "out"))
    out = tiny.folder / "out"
    assert sorted(result_bytes(out)) == [
        "first/grad_cam/records.csv",
        "first/gradient/records.csv",
        "first/predictions.csv",
        "none/center/records.csv",
        "none/random/records.csv",
        "notes.csv",
        "second/grad_cam/records.csv",
        "second/gradient/records.csv",
        "second/predictions.csv",
        "summary.csv",
    ]
    head, first, *rest = (out / "first/gradient/records.csv").read_text().splitlines()
    assert head == (
        "image_id,class_index,class_name,status,point_x,point_y,"
        "pointing_game,stochastic_pointing_game,content_heatmap"
    )
    assert len(rest) == IMAGES - 1
    assert first.split(",")[3] == "ok"
    expected = (
        "suite protocol protocol_id dataset checkpoint attribution metric aggregate value ci_low ci_high"
    )
    assert list(results.summary.columns) == [*expected.split(), "n", "n_classes", "degenerate"]
    manifest = manifest_of(out)
    assert manifest["status"] == "complete"
    assert manifest["skipped"] == []
    assert set(manifest["weights_sha256"]) == {"first", "second"}
    records = results.records("none", "random")
    assert (records["stochastic_pointing_game"] >= records["content_heatmap"] - 15).all()


def test_batch_size_workers_and_order_change_no_record(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(tiny.suite, settings(tiny, "plain"))
    evaluate(tiny.suite, settings(tiny, "batched", batch_size=5, workers=2))
    from raybench.benchmark.loading import preparation

    plain = preparation.PreparedImages.__init__

    def backwards(self, dataset, indices, *rest):  # type: ignore[no-untyped-def]
        plain(self, dataset, list(indices)[::-1], *rest)

    monkeypatch.setattr(preparation.PreparedImages, "__init__", backwards)
    evaluate(tiny.suite, settings(tiny, "backwards", batch_size=3))
    expected = result_bytes(tiny.folder / "plain")
    assert result_bytes(tiny.folder / "batched") == expected
    assert result_bytes(tiny.folder / "backwards") == expected


def test_limit_then_all_equals_all_at_once(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "steps", limit=5))
    assert len(evaluate(tiny.suite, settings(tiny, "steps", limit=5)).records("first", "grad_cam")) == 5
    evaluate(tiny.suite, settings(tiny, "steps"))
    evaluate(tiny.suite, settings(tiny, "whole"))
    assert result_bytes(tiny.folder / "steps") == result_bytes(tiny.folder / "whole")


def test_finished_run_is_not_measured_again(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "out"))
    before = result_bytes(tiny.folder / "out")
    for weights in tiny.folder.glob("*.safetensors"):
        weights.unlink()  # a second run that loaded a network would fail
    evaluate(tiny.suite, settings(tiny, "out"))
    assert result_bytes(tiny.folder / "out") == before


def test_killed_run_resumes_to_the_same_bytes(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "whole"))
    out = tiny.folder / "killed"
    command = ["run", tiny.suite, "--out", out, "--data", f"shapes={tiny.data}", "--workers", "0"]
    said, kills = tiny.folder / "said", 0
    for shard in ("first/grad_cam", "none/random", "second/gradient"):
        running = start_command(*command, said=said)
        while running.is_running():
            path = out / shard / "records.part-0.csv"
            if path.exists() and path.stat().st_size > 0:
                running.kill()
                kills += 1
                break
            time.sleep(0.001)
    assert kills >= 2
    start_command(*command, said=said).finish()
    assert result_bytes(out) == result_bytes(tiny.folder / "whole")
    assert not list(out.rglob("*.part-*"))


def test_second_run_in_one_folder_stops(tiny: TinySuite) -> None:
    (tiny.folder / "out").mkdir()
    with (
        FileLock(tiny.folder / "out" / ".lock"),
        pytest.raises(RaybenchError, match="another run is writing to .*out"),
    ):
        evaluate(tiny.suite, settings(tiny, "out"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"protocol": {"name": "aaai21", "short_side": 80}},
            "protocol.fields.short_side = 64, and this run has 80",
        ),
        ({"seed": 3}, "seed = 0, and this run has 3"),
        (
            {"metrics": ["pointing_game"]},
            "asks for pointing_game: all rows of a folder have the same metrics",
        ),
        ({"attributions": [{"name": "grad_cam", "layer": "layer3"}]}, "grad_cam.options.layer"),
    ],
)
def test_results_of_other_rules_are_not_mixed(
    tiny: TinySuite, changes: dict[str, object], message: str
) -> None:
    evaluate(tiny.suite, settings(tiny, "out", limit=1))
    before = result_bytes(tiny.folder / "out")
    with pytest.raises(RaybenchError, match=message):
        evaluate(tiny.with_suite(**changes), settings(tiny, "out"))
    assert result_bytes(tiny.folder / "out") == before


def test_other_weights_under_the_same_name_are_not_mixed(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "out", limit=1))
    shutil.copy(tiny.folder / "second.safetensors", tiny.folder / "first.safetensors")
    with pytest.raises(RaybenchError, match="weights of 'first' have changed"):
        evaluate(tiny.suite, settings(tiny, "out"))


def test_method_and_checkpoint_can_be_added_later(tiny: TinySuite) -> None:
    evaluate(tiny.with_suite(checkpoints=["first.yaml"], attributions=["grad_cam"]), settings(tiny, "out"))
    evaluate(tiny.suite, settings(tiny, "out"))
    evaluate(tiny.suite, settings(tiny, "whole"))
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "whole")


def test_fresh_measures_anew(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "out", limit=2))
    path = tiny.folder / "out/first/grad_cam/records.csv"
    honest = path.read_bytes()
    path.write_bytes(honest.replace(b",ok,", b",nan,"))
    evaluate(tiny.suite, settings(tiny, "out", limit=2, fresh=True))
    assert path.read_bytes() == honest


def test_picture_that_does_not_decode_is_skipped_and_named(tiny: TinySuite) -> None:
    data = tiny.folder / "data"
    shutil.copytree(tiny.data, data)
    pictures = sorted((data / "val").glob("*.jpg"))
    pictures[3].write_bytes(b"no picture")
    pictures[5].write_bytes(pictures[5].read_bytes()[:600])
    results = evaluate(tiny.suite, settings(tiny, "out", data={"shapes": data}))
    skipped = results.manifest["skipped"]
    assert [entry["image_id"] for entry in skipped] == [pictures[3].stem, pictures[5].stem]
    assert all(str(data) in entry["path"] for entry in skipped)
    assert len(results.records("first", "grad_cam")) == IMAGES - 2
    with pytest.raises(RaybenchError, match=f"{pictures[3].name}.*--strict"):
        evaluate(tiny.suite, settings(tiny, "strict", data={"shapes": data}, strict=True))


def test_dataset_without_a_picture_that_can_be_used_ends_the_run(tiny: TinySuite) -> None:
    data = tiny.folder / "data"
    shutil.copytree(tiny.data, data)
    pictures = sorted((data / "val").glob("*.jpg"))
    for picture in pictures:
        picture.write_bytes(b"no picture")
    command = ["run", tiny.suite, "--out", tiny.folder / "out", "--data", f"shapes={data}"]
    said = start_command(*command, said=tiny.folder / "said").finish(code=2)
    message = (
        f"raybench: none of the {IMAGES} images could be used, the first for this reason: .*{pictures[0]}"
    )
    assert re.search(message, said)
    assert "Traceback" not in said
    manifest = manifest_of(tiny.folder / "out")
    assert manifest["status"] == "running"
    assert [entry["image_id"] for entry in manifest["skipped"]] == [picture.stem for picture in pictures]
    assert not (tiny.folder / "out/summary.csv").exists()
    evaluate(tiny.suite, settings(tiny, "out"))  # with whole pictures it goes on
    evaluate(tiny.suite, settings(tiny, "whole"))
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "whole")


class Bars(SilentReporter):
    """Notes how far the bar of each pass came."""

    def __init__(self) -> None:
        self.bars: list[list[int]] = []

    def start(self, title: str, total: int, done: int) -> None:
        self.bars.append([total, done])

    def advance(self, images: int) -> None:
        self.bars[-1][1] += images


@pytest.mark.parametrize(
    "changes", [{}, {"processes": 2}, {"protocol": {"decode": "device", "resize": "device"}}]
)
def test_progress_reaches_the_end_where_images_are_skipped(
    tiny: TinySuite, changes: dict[str, object]
) -> None:
    data = tiny.folder / "data"
    shutil.copytree(tiny.data, data)
    for picture in sorted((data / "val").glob("*.jpg"))[3:8]:
        picture.write_bytes(b"no picture")
    reporter = Bars()
    evaluate(tiny.suite, settings(tiny, "out", data={"shapes": data}, **changes), reporter=reporter)
    assert reporter.bars == [[IMAGES, IMAGES]] * 2


def test_mended_picture_is_measured_by_the_next_run(tiny: TinySuite) -> None:
    data = tiny.folder / "data"
    shutil.copytree(tiny.data, data)
    picture = sorted((data / "val").glob("*.jpg"))[3]
    content = picture.read_bytes()
    picture.write_bytes(b"no picture")
    evaluate(tiny.suite, settings(tiny, "out", data={"shapes": data}))
    picture.write_bytes(content)
    evaluate(tiny.suite, settings(tiny, "out", data={"shapes": data}))
    evaluate(tiny.suite, settings(tiny, "whole"))
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "whole")


def test_gallery_keeps_small_pictures_and_maps(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "out"))
    pictures = sorted((tiny.folder / "out/gallery").glob("*/picture.jpg"))
    assert len(pictures) == 2
    maps = sorted((tiny.folder / "out/second/gradient/gallery").glob("*.png"))
    assert len(maps) == 2
    with PIL.Image.open(maps[0]) as image:
        assert image.getextrema()[1] == 255


def test_python_and_command_line_give_the_same_bytes(tiny: TinySuite) -> None:
    raybench.evaluate(tiny.suite, settings(tiny, "python"))
    out = tiny.folder / "shell"
    command = ["run", tiny.suite, "--out", out, "--data", f"shapes={tiny.data}"]
    said = start_command(*command, said=tiny.folder / "said").finish()
    assert result_bytes(out) == result_bytes(tiny.folder / "python")
    assert f"raybench table {out}" in said.replace("\n", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"attributions": ["gradcam"]},
            r"changed.yaml, line \d+: unknown attribution 'gradcam'; did you mean 'grad_cam'",
        ),
        (
            {"metrics": ["pointing_gam"]},
            r"changed.yaml, line \d+: unknown metric 'pointing_gam'; did you mean 'pointing_game'",
        ),
        (
            {"checkpoints": ["resnet19"]},
            r"changed.yaml, line \d+: unknown checkpoint 'resnet19'; did you mean 'resnet",
        ),
        (
            {"dataset": "imagnet"},
            r"changed.yaml, line \d+: unknown dataset 'imagnet'; did you mean 'imagenet'",
        ),
        ({"protocol": "aaai22"}, r"changed.yaml, line \d+: unknown protocol 'aaai22'; did you mean 'aaai21'"),
        (
            {"protocol": {"name": "aaai21", "shortside": 3}},
            "unknown field of protocol aaai21 'shortside'; did you mean 'short_side'",
        ),
        (
            {"attribution": ["grad_cam"]},
            r"changed.yaml, line 1: unknown key 'attribution'; did you mean 'attributions'",
        ),
        ({"metrics": None}, "changed.yaml: key 'metrics' is missing"),
        (
            {"attributions": [{"name": "grad_cam", "layr": "x"}]},
            "attribution 'grad_cam' has no option 'layr'; its options: layer",
        ),
        (
            {"attributions": [{"name": "grad_cam", "layer": 3}]},
            "option 'layer' of attribution 'grad_cam' is 3: input should be a valid string",
        ),
        (
            {"metrics": [{"name": "stochastic_pointing_game", "samples": 0}]},
            "option 'samples' of metric 'stochastic_pointing_game' is 0: input should be greater than",
        ),
        (
            {"protocol": {"name": "aaai21", "short_side": 0}},
            "protocol field 'short_side' is 0: input should be greater than or equal to 1, such as 448",
        ),
        (
            {"protocol": {"name": "aaai21", "queries": "all"}},
            "protocol field 'queries' is 'all': input should be 'first_object' or 'every_class'",
        ),
        ({"protocol": {"name": "aaai21", "short_side": True}}, "'short_side' is True: input should be a"),
        ({"attributions": [{"name": "grad_cam", "label": "a" * 81}]}, "may hold up to 80 letters"),
        ({"attributions": ["grad_cam", "grad_cam"]}, "'grad_cam' twice"),
        ({"checkpoints": ["first.yaml", "first.yaml"]}, "suite 'tiny' has checkpoint 'first' twice; name it"),
        ({"checkpoints": [], "attributions": ["grad_cam"]}, "asks for 'grad_cam' but names no checkpoint"),
        ({"checkpoints": ["resnet18"]}, "answers the 1000 classes of imagenet1k, but dataset 'shapes'"),
        (
            {"metrics": ["PG", "pointing_game"]},
            "'pointing_game' twice; its other options belong into another",
        ),
        ({"metrics": [{"name": "PG", "label": "ours"}]}, "metric 'PG' is given a label, which only methods"),
        ({"metrics": ["f1_overall"]}, "metric 'f1_overall' does not fit dataset 'shapes'"),
        ({"metrics": "pointing_game"}, "metrics"),
    ],
)
def test_mistake_in_a_suite_is_one_sentence(
    tiny: TinySuite, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RaybenchError, match=message):
        evaluate(tiny.with_suite(**changes), settings(tiny, "out"))
    assert not list((tiny.folder / "out").rglob("*.csv"))


def test_labels_are_kept_beside_names(tiny: TinySuite) -> None:
    card = (tiny.folder / "first.yaml").read_text().replace("name: first", "name: first\nlabel: The first!")
    (tiny.folder / "first.yaml").write_text(card)
    method = {"name": "grad_cam", "label": "Grad-CAM, ours"}
    suite = tiny.with_suite(checkpoints=["first.yaml"], attributions=[method], images=2)
    evaluate(suite, settings(tiny, "out"))
    facts = manifest_of(tiny.folder / "out")["facts"]
    assert facts["checkpoint_labels"] == {"first": "The first!"}
    assert facts["attribution_labels"] == {"Grad-CAM-ours": "Grad-CAM, ours"}
    assert (tiny.folder / "out" / "first" / "Grad-CAM-ours" / "records.csv").is_file()


def test_checkpoint_with_the_reserved_name_is_told_so(tiny: TinySuite) -> None:
    card = (tiny.folder / "first.yaml").read_text().replace("name: first", "name: none")
    (tiny.folder / "first.yaml").write_text(card)
    with pytest.raises(RaybenchError, match="is called 'none', reserved for methods that need no"):
        evaluate(tiny.suite, settings(tiny, "out"))


def test_suite_made_in_python_is_named_by_its_name(tiny: TinySuite) -> None:
    suite = load_suite(tiny.suite)[0].model_copy(update={"attributions": ["gradcam"], "checkpoints": []})
    with pytest.raises(RaybenchError, match="^suite 'tiny': unknown attribution 'gradcam'; did you mean"):
        evaluate(suite, settings(tiny, "out"))


def test_misspelt_name_of_a_data_folder_is_refused(tiny: TinySuite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYBENCH_DATA", str(tiny.data.parent))  # where `shapes` would be found
    data = {"shape": tiny.data}
    with pytest.raises(
        RaybenchError, match="^--data: unknown name of a data folder 'shape'; did you mean 'sh"
    ):
        evaluate(tiny.suite, settings(tiny, "out", data=data))
    card = (tiny.folder / "first.yaml").read_text().replace("path: first", "path: data:mine/first")
    (tiny.folder / "first.yaml").write_text(card)
    data = {"shapes": tiny.data, "imagenet": tiny.data, "weights": tiny.data, "mine": tiny.folder}
    assert evaluate(tiny.suite, settings(tiny, "out", data=data, limit=1)).manifest["status"] == "complete"


def test_command_line_prints_a_mistake_without_traceback(tiny: TinySuite) -> None:
    command = ["run", tiny.suite, "--data", "shapes=/nowhere"]
    said = start_command(*command, said=tiny.folder / "said").finish(code=2)
    assert said == "raybench: --data shapes=/nowhere: there is no folder /nowhere\n"


def test_unknown_device_is_refused(tiny: TinySuite) -> None:
    for device in ("gpu", "meta"):
        with pytest.raises(RaybenchError, match=f"unknown device '{device}'; expected auto, cpu or cuda"):
            evaluate(tiny.suite, settings(tiny, "out", device=device))


def test_missing_suite_names_the_nearest() -> None:
    with pytest.raises(RaybenchError, match="unknown suite 'dmo'; did you mean 'demo'"):
        evaluate("dmo", Settings(out=Path("unused")))


def test_fresh_run_leaves_nothing_that_a_later_run_could_take_for_its_own(tiny: TinySuite) -> None:
    other = {"protocol": {"name": "aaai21", "short_side": 64, "tolerance_px": 40}}
    evaluate(tiny.suite, settings(tiny, "out", limit=2))
    fewer = tiny.with_suite("fewer.yaml", **other, attributions=["grad_cam"], checkpoints=["first.yaml"])
    evaluate(fewer, settings(tiny, "out", limit=2, fresh=True))
    assert not (tiny.folder / "out/none/center/records.csv").exists()
    assert not (tiny.folder / "out/second/predictions.csv").exists()
    evaluate(tiny.with_suite(**other), settings(tiny, "out", limit=2))
    evaluate(tiny.with_suite(**other), settings(tiny, "honest", limit=2))
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "honest")


@pytest.mark.parametrize("killed", [False, True])
def test_results_without_a_manifest_are_not_taken_for_those_of_other_rules(
    tiny: TinySuite, killed: bool
) -> None:
    rules = [{"name": "aaai21", "short_side": 64, "tolerance_px": px} for px in (5, 25)]
    evaluate(tiny.with_suite(protocol=rules[0]), settings(tiny, "out"))
    (tiny.folder / "out/run.json").unlink()
    if killed:  # rows in shards alone
        for path in sorted((tiny.folder / "out").rglob("records.csv")):
            path.rename(path.with_name("records.part-0.csv"))
        for path in (tiny.folder / "out").glob("*/predictions.csv"):
            path.unlink()
    before = result_bytes(tiny.folder / "out")
    other = tiny.with_suite("other.yaml", protocol=rules[1])
    with pytest.raises(
        RaybenchError, match=r"out holds results but no run\.json .* another --out, or --fresh"
    ):
        evaluate(other, settings(tiny, "out"))
    assert result_bytes(tiny.folder / "out") == before
    fewer = tiny.with_suite("fewer.yaml", protocol=rules[1], attributions=["center"])
    evaluate(fewer, settings(tiny, "out", fresh=True))
    evaluate(other, settings(tiny, "out"))  # what the first run measured is gone
    evaluate(other, settings(tiny, "honest"))
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "honest")


def test_fresh_run_replaces_a_damaged_manifest_and_removes_no_strangers_files(tiny: TinySuite) -> None:
    out = tiny.folder / "out"
    (out / "mine").mkdir(parents=True)
    for name in ("mine/records.csv", "notes.txt"):
        (out / name).write_text("precious")
    (out / "run.json").write_text("{")
    with pytest.raises(RaybenchError, match=r"run\.json, line 1: not valid JSON"):
        evaluate(tiny.suite, settings(tiny, "out", limit=1))
    assert evaluate(tiny.suite, settings(tiny, "out", limit=1, fresh=True)).manifest["status"] == "complete"
    assert (out / "mine/records.csv").read_text() == (out / "notes.txt").read_text() == "precious"


def test_notes_on_boxes_are_counted_once_however_often_a_run_is_resumed(tiny: TinySuite) -> None:
    data = tiny.folder / "data"
    shutil.copytree(tiny.data, data)
    for path in sorted((data / "val").glob("*.xml"))[:6]:
        path.write_text(re.sub("<xmax>[0-9]+", "<xmax>9999", path.read_text()))
    suite = tiny.with_suite(protocol={"name": "aaai21-clamped", "short_side": 64})
    whole = evaluate(suite, settings(tiny, "whole", data={"shapes": data})).manifest["notes"]
    assert whole["a box reaches outside the picture; clamped"] >= 6
    for limit in (3, 5, None, None):
        steps = evaluate(suite, settings(tiny, "steps", data={"shapes": data}, limit=limit)).manifest["notes"]
    assert steps == whole
    assert result_bytes(tiny.folder / "steps") == result_bytes(tiny.folder / "whole")


def test_killed_run_leaves_no_loader_process_behind(tiny: TinySuite) -> None:
    words = ["run", tiny.suite, "--out", tiny.folder / "out", "--data", f"shapes={tiny.data}", "--workers", 2]
    running = start_command(*words, said=tiny.folder / "said")
    shard = tiny.folder / "out/first/grad_cam/records.part-0.csv"
    while running.is_running() and not (shard.exists() and shard.stat().st_size):
        time.sleep(0.001)
    running.kill()
    assert running.leaves_nobody_within(30)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("tiny.yaml", "--out .*tiny.yaml: .*tiny.yaml is a file; name a folder"),
        ("tiny.yaml/below", "--out .*below: .*tiny.yaml is a file; name a folder"),
    ],
)
def test_result_folder_that_cannot_be_made_is_one_sentence(tiny: TinySuite, out: str, message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        evaluate(tiny.suite, settings(tiny, out))


def test_device_without_memory_for_the_batch_says_what_to_do(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sys.modules["raybench.benchmark.measuring.measure"], "predicted", exhaust)
    with pytest.raises(RaybenchError, match="cpu is out of memory with 1 images at once; .*run again"):
        evaluate(tiny.suite, settings(tiny, "out"))


def test_checkpoint_of_the_command_line_lies_in_the_working_folder(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tiny.folder / "here"
    here.mkdir()
    card = (tiny.folder / "first.yaml").read_text().replace("name: first", "name: mine")
    (here / "first.yaml").write_text(card.replace("path: first", "path: ../first"))
    monkeypatch.chdir(here)
    results = evaluate(tiny.suite, settings(tiny, "out", limit=1, checkpoints=["first.yaml"]))
    assert [entry["name"] for entry in results.manifest["checkpoints"]] == ["mine"]


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (torch.rand(2, 4, 4), r"returned maps \(2, 4, 4\); expected \(1, h, w\)"),
        (torch.rand(1, 1, 4, 4), r"returned maps \(1, 1, 4, 4\); expected \(1, h, w\)"),
    ],
)
def test_method_that_returns_other_maps_than_asked_for_is_refused(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch, maps: torch.Tensor, message: str
) -> None:
    monkeypatch.setitem(ATTRIBUTIONS._entries, "odd", Attribution("odd", lambda *_: maps))
    with pytest.raises(RaybenchError, match=f"attribution 'odd' {message}"):
        evaluate(tiny.with_suite(attributions=["odd"]), settings(tiny, "out"))


def test_metric_named_like_another_column_is_refused(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric = Metric(name="status", function=lambda batch: batch.total, label="x")
    monkeypatch.setitem(METRICS._entries, "status", metric)
    with pytest.raises(RaybenchError, match="metric 'status' has the name of another column"):
        evaluate(tiny.with_suite(metrics=["status"]), settings(tiny, "out"))
