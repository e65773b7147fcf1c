"""A method that fails a sanity check carries the mark wherever it is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from made_section import made_row, made_section

from raybench.benchmark.board.view import section_view
from raybench.benchmark.results import ResultFolder, alarms
from raybench.benchmark.statistics import Facts

CHECK = Facts(
    name="check",
    kind="explanation",
    label="MPRT",
    bounds=(-1.0, 1.0),
    alarm_above=0.5,
    alarm="stays the same",
)


@pytest.fixture
def run() -> ResultFolder:
    """Three methods: one whose maps stay alike, one of which that is not sure, one whose maps change."""
    rows = [("edges", 0.9, 0.8), ("unsure", 0.6, 0.4), ("honest", 0.1, 0.0)]
    summary = pd.DataFrame(
        [
            {"checkpoint": "net", "attribution": name, "metric": "check", "value": value, "ci_low": low}
            for name, value, low in rows
        ]
    )
    facts = {"metrics": {"check": CHECK.described()}}
    return ResultFolder(Path("nowhere"), summary, {"metrics": {"check": {}}, "facts": facts})


def test_only_a_whole_interval_above_the_bound_is_a_failure(run: ResultFolder) -> None:
    assert alarms([run]) == {("net", "edges"): "stays the same (MPRT 0.90, above 0.5)"}


def test_facts_without_an_alarm_read_back_without_one() -> None:
    plain = Facts(name="plain")
    assert Facts.read(plain.described()) == plain
    assert Facts.read(CHECK.described()) == CHECK


def test_the_board_marks_the_row() -> None:
    section = made_section(
        replace(made_row("net", "edges", [10.0, 90.0]), alarm="stays the same (MPRT 0.90)")
    )
    assert [row.alarm for row in section_view(section).rows] == ["stays the same (MPRT 0.90)"]
