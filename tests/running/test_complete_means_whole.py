"""A run says complete only if all rows are on disk; what is lost afterwards is said by tables."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file, save_file
from tiny_suite import TinySuite, manifest_of, result_bytes
from typer.testing import CliRunner

from raybench.base import RaybenchError
from raybench.benchmark.results import lost_rows, open_results
from raybench.benchmark.running import SilentReporter, evaluate
from raybench.benchmark.suite import Settings
from raybench.commands import app

run_module = sys.modules["raybench.benchmark.running.run"]


def settings(tiny: TinySuite, **changes: object) -> Settings:
    given = {"data": {"shapes": tiny.data}, "out": tiny.folder / "out", "workers": 0, "limit": 5, **changes}
    return Settings(**given)


@pytest.mark.parametrize(
    "lost", ["first/gradient", "second", "first/predictions.csv", "none/center/records.csv"]
)
def test_run_that_loses_files_is_not_complete_and_the_same_command_mends_it(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    expected = evaluate(tiny.suite, settings(tiny, out=tiny.folder / "whole"))
    finish = run_module.finish

    def lose(*args: object, **options: object) -> object:
        path = tiny.folder / "out" / lost
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return finish(*args, **options)

    monkeypatch.setattr(run_module, "finish", lose)
    with pytest.raises(RaybenchError, match=r"lacks the rows of 5 images, the first of them '.*same command"):
        evaluate(tiny.suite, settings(tiny))
    assert manifest_of(tiny.folder / "out")["status"] == "running"
    monkeypatch.undo()
    evaluate(tiny.suite, settings(tiny))
    assert manifest_of(tiny.folder / "out")["status"] == "complete"
    assert result_bytes(tiny.folder / "out") == result_bytes(expected.out)


def test_row_that_is_lost_later_is_said_below_the_table(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny))
    path = tiny.folder / "out/first/gradient/records.csv"
    assert lost_rows(open_results(tiny.folder / "out")) == []
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    said = "first/gradient/records.csv holds 4 of the 5 rows that the summary counts"
    assert lost_rows(open_results(tiny.folder / "out"))[0].startswith(said)
    shutil.rmtree(path.parent)
    assert "holds 0 of the 5 rows" in lost_rows(open_results(tiny.folder / "out"))[0]


def test_rows_changed_after_the_run_are_taken_as_they_are_and_said(tiny: TinySuite) -> None:
    class Listening(SilentReporter):
        def say(self, message: str) -> None:
            said.append(message)

    said: list[str] = []
    evaluate(tiny.suite, settings(tiny))
    path = tiny.folder / "out/none/center/records.csv"
    rows = pd.read_csv(path, dtype=str)
    path.write_text(rows.assign(content_heatmap="12.5").to_csv(index=False, lineterminator="\n"))
    results = evaluate(tiny.suite, settings(tiny), reporter=Listening())
    assert sum(f"{path} holds other values than the run wrote" in message for message in said) == 1
    assert manifest_of(tiny.folder / "out")["status"] == "complete"
    assert set(results.records("none", "center")["content_heatmap"]) == {12.5}
    (value,) = results.summary.query("attribution == 'center' and metric == 'content_heatmap'")["value"]
    assert value == 12.5
    said.clear()
    evaluate(tiny.suite, settings(tiny), reporter=Listening())
    assert not [message for message in said if "other values" in message]  # told once


def test_weights_replaced_after_the_run_are_noticed(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny))
    evaluate(tiny.suite, settings(tiny))  # the same weights
    path = tiny.folder / "second.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    with pytest.raises(RaybenchError, match="weights of 'second' have changed since .*; use another --out"):
        evaluate(tiny.suite, settings(tiny))


@pytest.mark.parametrize("words", [["--out", ""], ["--out="], ["--data", ""]])
def test_empty_option_is_refused(tiny: TinySuite, words: list[str]) -> None:
    result = CliRunner().invoke(app, ["run", str(tiny.suite), *words])
    assert isinstance(result.exception, RaybenchError)
    assert "is empty; is a variable of the script unset?" in str(result.exception)


def test_root_is_no_result_folder() -> None:
    with pytest.raises(RaybenchError, match="the root of the file system"):
        Settings(out=Path(Path.cwd().anchor))
