"""A made table over generated pictures goes through every verdict."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import tried

from raybench.base import UnknownNameError
from raybench.benchmark.reproduction import Reproduction, open_table, reproduce, write_reproduction
from raybench.benchmark.reproduction.judging import Judged
from raybench.benchmark.reproduction.paper import latex_of
from raybench.benchmark.reproduction.picture import picture_of
from raybench.benchmark.reproduction.verdicts import Verdict, Word
from raybench.benchmark.results import open_results
from raybench.benchmark.statistics import Estimate
from raybench.benchmark.suite import Settings

NETWORK = "shapes-baseline"
TOP1, POINTS, HEAT = "top1_accuracy", "pointing_game", "content_heatmap"
WriteTable = Callable[..., Path]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all tables measure into: after the first there is nothing left to measure."""
    return tmp_path_factory.mktemp("measured")


def judged(table: Path, out: Path, limit: int | None = None) -> Reproduction:
    return reproduce(open_table(str(table)), Settings(out=out, limit=limit, workers=0, processes=1))


def words(found: Reproduction) -> list[str]:
    return [str(one.verdict.word) for one in found.judged]


def test_a_table_of_the_shipped_run_is_regenerated(write_table: WriteTable, measured: Path) -> None:
    found = judged(write_table(), measured)
    assert words(found) == ["equal"] * 4
    assert found.regenerated
    assert not found.contradicts
    assert found.verdict == "regenerated: 4 equal"


def test_rows_of_another_protocol_are_measured_apart(write_table: WriteTable, measured: Path) -> None:
    path = write_table()
    path.write_text(f"{path.read_text()}protocol_of: {{center: {{fit: square}}}}\n")
    found = judged(path, measured)
    assert found.regenerated
    assert list(found.manifests) == ["shapes", "shapes-center"]
    fits = [open_results(measured / name).protocol_fields.get("fit") for name in found.manifests]
    assert fits == [None, "square"]


def test_values_that_differ_are_close_or_differ(write_table: WriteTable, measured: Path) -> None:
    changes = {(NETWORK, POINTS): 0.2, (NETWORK, HEAT): 0.2, ("center", HEAT): -0.2}
    found = judged(write_table(changes, expected={("center", HEAT): "differs: a misprint"}), measured)
    assert words(found) == ["equal", "close", "differs", "differs, as expected"]
    assert found.contradicts
    assert found.verdict == "1 equal, 1 close, 1 differs, 1 differs, as expected"


def test_accuracy_that_differs_voids_the_rest_of_the_row(write_table: WriteTable, measured: Path) -> None:
    found = judged(write_table({(NETWORK, TOP1): -20}), measured)
    assert words(found) == ["differs", "void", "void", "equal"]
    assert found.judged[1].verdict.reason == (
        "these are other weights: top1_accuracy differs from the published one"
    )


def test_weights_of_another_hash_are_void(write_table: WriteTable, measured: Path) -> None:
    found = judged(write_table(sha256="0123abcd"), measured)
    assert words(found) == ["void", "void", "void", "equal"]
    assert found.judged[0].verdict.reason.endswith("the published ones' is 0123abcd")


def test_other_data_is_void(write_table: WriteTable, measured: Path) -> None:
    found = judged(write_table(images=5000), measured)
    assert words(found) == ["void"] * 4
    assert found.judged[0].verdict.reason == "this is other data: 300 pictures, shapes has 5,000"


def test_what_is_not_there_is_not_run(write_table: WriteTable, measured: Path) -> None:
    tail = "50,0.1,,,,,"
    further = [
        f"a,shapes,,no_such_method,,shapes,,{HEAT},query_mean,{tail}",
        f"b,shapes,,center,,shapes,,no_such_metric,query_mean,{tail}",
    ]
    found = judged(write_table(further=further), measured)
    assert words(found)[4:] == ["not run", "not run"]
    assert found.judged[4].verdict.reason == "there is no method no_such_method here"
    assert found.judged[5].verdict.reason == "there is no metric no_such_metric here"
    assert not found.regenerated


def test_a_sample_is_consistent_or_not_or_too_small(
    write_table: WriteTable, measured: Path, tmp_path: Path
) -> None:
    path = write_table({("center", HEAT): 25})
    found = judged(path, tmp_path / "out", limit=150)
    assert words(found)[0] == "too few to tell"
    assert words(found)[3] == "inconsistent"
    assert words(found)[2] == "consistent"
    assert not found.regenerated
    sample = found.samples["shapes"]
    assert (sample.images, sample.of, sample.by_class) == (150, 300, False)
    assert found.manifests["shapes"]["dataset"]["options"] == {"list": "shapes-sample.txt"}
    assert len((tmp_path / "out" / "shapes-sample.txt").read_text().splitlines()) == 150
    write_reproduction(found, tmp_path / "out")
    kept = json.loads((tmp_path / "out" / "reproduction.json").read_text())
    assert kept["columns"]["shapes"]["sample"]["seed"] == 0
    assert kept["cells"][3]["verdict"] == "inconsistent"


def test_what_is_written_holds_every_cell_once(write_table: WriteTable, measured: Path) -> None:
    found = judged(write_table({("center", HEAT): -0.2}), measured)
    written = {path.suffix: path for path in write_reproduction(found, measured)}
    assert written.pop(".png").read_bytes()[:4] == b"\x89PNG"
    paths = {suffix: path.read_text() for suffix, path in written.items()}
    rows = paths[".csv"].splitlines()
    assert len(rows) == 5
    assert rows[4].startswith("shapes,center,,center,shapes,content_heatmap,query_mean,")
    assert rows[4].endswith("differs,,")
    assert paths[".md"].count("| shapes | ") == 4
    for one in found.judged:
        assert f"{one.found.value:.2f} ({one.cell.value:.2f})" in paths[".tex"]
    assert r"\textsuperscript{d}" in paths[".tex"]
    drawn = [text.get_text() for axes in picture_of(found).axes for text in axes.texts]
    assert sorted(drawn) == sorted(f"{one.cell.value:.2f} → {one.found.value:.2f}" for one in found.judged)
    assert paths[".tex"].count(r"\begin{") == paths[".tex"].count(r"\end{")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_the_table_of_a_paper_compiles(tmp_path: Path) -> None:
    table = open_table("torchray")
    judged = tuple(Judged(cell, Verdict(Word.CLOSE), Estimate(cell.value, 1, 99)) for cell in table.cells)
    text = latex_of(Reproduction(table, judged, {}, {}), ["a_b & c"])
    assert text.count("voc-vgg16") == text.count("coco-vgg16") == 1
    (tmp_path / "a.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}\n"
        f"{text}\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-500:]
    assert "Overfull" not in run.stdout


def test_the_command_ends_with_what_it_found(write_table: WriteTable, measured: Path) -> None:
    shared = ("--out", measured, "--workers", 0, "--processes", 1)
    code, output = tried("reproduce", write_table(), *shared)
    assert (code, "regenerated: 4 equal" in output) == (0, True)
    code, output = tried("reproduce", write_table({("center", HEAT): 5}), *shared)
    assert (code, "1 differs" in output) == (1, True)


def test_what_is_missing_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAYBENCH_DATA", raising=False)
    monkeypatch.setenv("RAYBENCH_CACHE", str(tmp_path / "cache"))
    code, output = tried(
        "reproduce", "aaai21", "--columns", "imagenet", "--offline", "--out", tmp_path / "out"
    )
    assert code == 3
    assert "missing: ImageNet val: ILSVRC2012's validation pictures" in output
    assert "missing: weights of resnet50-gmp: raybench fetch gets it from gdrive:" in output
    assert not (tmp_path / "out").exists()
    picture = tmp_path / "some" / "val" / "n01440764" / "a.JPEG"
    picture.parent.mkdir(parents=True)
    picture.touch()
    code, output = tried(
        "reproduce", "aaai21", "--columns", "imagenet", "--data", f"imagenet={tmp_path / 'some'}"
    )
    assert (code, "some holds 1 pictures of 50,000; get ILSVRC2012's" in output) == (3, True)


def test_a_dry_run_lists_every_cell_with_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAYBENCH_DATA", raising=False)
    monkeypatch.setenv("RAYBENCH_CACHE", str(tmp_path / "cache"))
    code, output = tried("reproduce", "aaai21", "--dry-run")
    assert code == 0
    lines = output.splitlines()
    rows = [line for line in lines if line.startswith(("alexnet", "resnet", "coco-resnet"))]
    assert len(rows) == 60
    assert sum("there is no card of coco-resnet18-" in line for line in rows) == 10
    assert sum(line.startswith("to download: weights of") for line in lines) == 14 - 2
    assert any(line.startswith("missing: ImageNet val: ") for line in lines)
    assert "60 cells, 10 of them cannot be measured here; about" in lines[-1]
    assert sum(" about " in row for row in rows) == 14  # a time for each network
    assert sum("evident copy: they are shown as printed" in line for line in lines) == 1
    _, output = tried("reproduce", "aaai21", "--dry-run", "--limit", 500)
    # 1.96 * sqrt(0.8 * 0.2 / 500 * 49500 / 49999)
    assert "a random sample of 500 of 50,000 pictures: what is 80 % is known to about ± 3.5 points" in output


def test_an_unknown_table_or_column_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown published table 'aaai2'; did you mean 'aaai21'"):
        open_table("aaai2")
    with pytest.raises(UnknownNameError, match="column of table aaai21 'imagnet'; did you mean 'imagenet'"):
        open_table("aaai21", columns=["imagnet"])


def test_every_table_is_listed() -> None:
    code, output = tried("reproduce", "--list")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == ["aaai21", "torchray", "wsol-center"]
