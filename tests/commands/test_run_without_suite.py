"""`raybench run --dataset …`: every part of a suite as an option, and the suite that was meant to keep."""

from __future__ import annotations

import shlex
from pathlib import Path

import PIL.Image
import pytest
import yaml
from calls import call
from tiny_suite import TinySuite, result_bytes

from raybench.base.errors import RaybenchError


def test_options_alone_measure_what_the_suite_that_they_leave_behind_measures(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.folder)
    data = ["--data", f"shapes={tiny.data}", "--limit", 3, "--processes", 1]
    words = ["--dataset", "shapes", "--checkpoint", "first.yaml", "--protocol", "aaai21-clamped"]
    words += ["--attribution", "{name: random, label: lot}", "--attribution", "gradient"]
    said = call("run", *words, "--metric", "PG", "--metric", "content_heatmap", *data, "--out", "out")
    assert _kept(said)[:3] == ["raybench", "run", "out/suite.yaml"]
    found = result_bytes(Path("out"))
    assert {"first/gradient/records.csv", "none/lot/records.csv"} <= found.keys()
    header = found["first/gradient/records.csv"].splitlines()[0].decode()
    assert "pointing_game,content_heatmap" in header
    assert "stochastic" not in header
    call("run", "out/suite.yaml", *data, "--out", "again")
    assert result_bytes(Path("again")) == found


def _kept(said: str) -> list[str]:
    """The words of the command that goes on with the suite which options left behind."""
    return shlex.split(said.partition("kept as a suite, to go on with: ")[2].splitlines()[0])


def test_what_options_leave_behind_is_whole_and_goes_on_in_the_same_folder(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.folder / "mine: é"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("shapes", "first", "val"):  # folders called as data, networks and splits are
        Path(name).mkdir()
    Path("own.py").write_text("def flat(module, image, class_index):\n    return image.mean(1)[0]\n")
    (folder / "pictures").symlink_to(tiny.data)
    words = ["--dataset", "{name: shapes, split: val, label: Größe}", "--checkpoint", "../first.yaml"]
    words += ["--attribution", "random", "--attribution", "own.py:flat", "--trust-code", "--metric", "PG"]
    words += ["--metric", "SPG", "--limit", 4, "--seed", 3, "--gallery", 2, "--name", "mine"]
    words += ["--protocol", "aaai21-clamped", "--resize", "device", "--processes", 1]
    said = call("run", *words, "--data", "shapes=pictures", "--out", "out 1")
    again, found = _kept(said), result_bytes(Path("out 1"))
    kept = Path("out 1/suite.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(kept) == {
        "name": "mine",
        "protocol": {"name": "aaai21-clamped", "resize": "device"},
        "dataset": {"name": "shapes", "split": "val", "label": "Größe"},
        "checkpoints": ["../../first.yaml"],
        "attributions": ["random", "../own.py:flat"],
        "metrics": ["PG", "SPG"],
        "images": 4,
        "seed": 3,
        "gallery": 2,
    }
    assert "Größe" in kept
    assert {"--data", "shapes=pictures", "--trust-code"} <= {*again}
    assert again[again.index("--out") + 1] == "out 1"
    assert "4 of 4 images are measured" in call(*again[1:])
    assert "first flat 4 of 4 images" in " ".join(call("status", "out 1").split())
    assert result_bytes(Path("out 1")) == found
    again[again.index("--out") + 1] = "afresh"
    call(*again[1:])
    assert result_bytes(Path("afresh")) == found


def test_nothing_to_run_is_one_sentence() -> None:
    with pytest.raises(RaybenchError, match="nothing to run; name a suite .*or data by --dataset"):
        call("run", "--attribution", "gradient")


def test_a_mapping_without_a_name_is_named_by_its_option(tiny: TinySuite) -> None:
    with pytest.raises(RaybenchError, match="--metric.*expected a name, or a name with options"):
        call("run", tiny.suite, "--metric", "{masks: 3}", "--data", f"shapes={tiny.data}")


def test_data_of_ones_own_is_found_again_by_the_suite_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    PIL.Image.new("RGB", (40, 30), "red").save("mine/cat1.png")
    Path("mine/boxes.csv").write_text("image,class,x0,y0,x1,y1\ncat1,cat,3,3,20,20\n")
    Path("mine/classes.txt").write_text("cat\n")
    data = "{name: boxes, images: mine, boxes: mine/boxes.csv, classes: mine/classes.txt}"
    said = call("run", "--dataset", data, "--attribution", "center", "--metric", "PG", "--out", "out")
    assert "1 of 1 images are measured" in call(*_kept(said)[1:])


def test_a_name_that_is_no_word_is_refused(tiny: TinySuite) -> None:
    with pytest.raises(RaybenchError, match="--name 'my run': a name may hold up to 80 letters"):
        call("run", tiny.suite, "--name", "my run")
