"""`raybench run --dataset …`: every part of a suite as an option, and the suite that was meant to keep."""

from __future__ import annotations

from pathlib import Path

import pytest
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
    assert "the same again: raybench run out/suite.yaml" in said.replace("\n", " ")
    found = result_bytes(Path("out"))
    assert {"first/gradient/records.csv", "none/lot/records.csv"} <= found.keys()
    header = found["first/gradient/records.csv"].splitlines()[0].decode()
    assert "pointing_game,content_heatmap" in header
    assert "stochastic" not in header
    call("run", "out/suite.yaml", *data, "--out", "again")
    assert result_bytes(Path("again")) == found


def test_nothing_to_run_is_one_sentence() -> None:
    with pytest.raises(RaybenchError, match="nothing to run; name a suite .*or data by --dataset"):
        call("run", "--attribution", "gradient")


def test_a_mapping_without_a_name_is_named_by_its_option(tiny: TinySuite) -> None:
    with pytest.raises(RaybenchError, match="--metric.*expected a name, or a name with options"):
        call("run", tiny.suite, "--metric", "{masks: 3}", "--data", f"shapes={tiny.data}")
