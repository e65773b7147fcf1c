"""A table as its reader wants it: best rows first, fewer digits, half-widths, a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from board_folders import change_manifest, made_up_values, write_run
from calls import call

from raybench.base import RaybenchError
from raybench.benchmark.board import collect
from raybench.benchmark.board.build import render_pages
from raybench.benchmark.pictures import plot_all
from raybench.benchmark.results import Column, Row, Score, Table
from raybench.benchmark.tables import comparison_table, render_table

DEMO = Path(__file__).resolve().parents[2] / "results" / "measured" / "demo"


def table(*words: object) -> str:
    return call("table", DEMO, *words)


def test_sorted_rows_fall_and_baselines_stay_last() -> None:
    rows = json.loads(table("--sort", "ch", "--format", "json"))
    values = [row["content_heatmap"] for row in rows if row["checkpoint"] != "none"]
    assert values == sorted(values, reverse=True)
    assert [row["checkpoint"] == "none" for row in rows] == [False] * len(values) + [True] * (
        len(rows) - len(values)
    )
    with pytest.raises(RaybenchError, match="--sort: unknown column 'CHI'; did you mean 'CH'"):
        table("--sort", "CHI")


def test_in_a_pipe_every_row_is_one_line_with_whole_names() -> None:
    for line in table("--intervals").splitlines():
        assert "contrastive_" not in line or re.search(
            r"shapes-\S+ +contrastive_excitation_backprop .*\d\]", line
        )
    assert "SPG contrastive_excitation_backprop " in table("--pivot", "attribution")


def test_the_ending_of_a_file_says_what_is_written(tmp_path: Path) -> None:
    for ending, begin in ((".tex", r"\begin{table}"), (".csv", "checkpoint,"), (".md", "**"), (".txt", "**")):
        table("-o", tmp_path / f"table{ending}")
        assert (tmp_path / f"table{ending}").read_text(encoding="utf-8").startswith(begin)
    table("-o", tmp_path / "other.tex", "--format", "csv")
    assert (tmp_path / "other.tex").read_text().startswith("checkpoint,")
    with pytest.raises(RaybenchError, match=r"no table is written as \.xlsx; use \.md, .*\.csv, .* --format"):
        table("-o", tmp_path / "table.xlsx")
    assert not (tmp_path / "table.xlsx").exists()


def test_a_folder_is_not_given_the_name_of_a_file(tmp_path: Path) -> None:
    for command, name in (("plot", "bars.png"), ("leaderboard", "site.html")):
        with pytest.raises(RaybenchError, match=rf"-o \S+{name} names a file; .* a folder, such as"):
            call(command, DEMO, "-o", tmp_path / name)
    with pytest.raises(
        RaybenchError, match=r"-o two\.csv goes with --maps; write .* --format csv > two\.csv"
    ):
        call("compare", DEMO, DEMO, "-o", "two.csv")


def test_half_width_is_half_the_interval_with_the_digits_asked_for(tmp_path: Path) -> None:
    table("--half-width", "--digits", 1, "--format", "markdown", "-o", tmp_path / "table.md")
    text = (tmp_path / "table.md").read_text(encoding="utf-8").replace("*", "")
    pointing, heat = (comparison_table([DEMO]).rows[0].cells[at] for at in (1, 3))
    assert f"{heat.value:.1f} ± {(heat.high - heat.low) / 2:.1f}" in text
    assert f"{pointing.value:.1f} [{pointing.low:.1f}, {pointing.high:.1f}]" in text  # near the upper bound


def test_lopsided_interval_is_written_with_both_ends() -> None:
    column = Column("hits", "PG", "query_mean")
    cells = (Score(18.75, 1.0, 91.0), Score(50.0, 40.0, 61.0), Score(50.0))
    rows = tuple(Row((str(at),), (cell,)) for at, cell in enumerate(cells))
    text = render_table(Table("t", ("row",), (column,), rows), "markdown", intervals="half-width")
    assert "| 18.75 [1.00, 91.00] |" in text
    assert "| 50.00 ± 10.50 |" in text
    assert "| 50.00 |" in text


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """Two checkpoints under two methods; `wide` is best under `rise` by a hair, `deep` far behind."""
    wide = made_up_values(60, 70, seed=1)
    rows = {
        ("wide", "grad_cam"): wide,
        ("wide", "rise"): (wide + np.random.default_rng(2).normal(0.1, 3, 60)).clip(0, 100).round(7),
        ("deep", "grad_cam"): made_up_values(60, 40, seed=3),
        ("deep", "rise"): made_up_values(60, 30, seed=4),
        ("none", "center"): made_up_values(60, 50, seed=5),
    }
    return write_run(tmp_path / "run", rows, accuracy={"wide": 70, "deep": 90})


def bold(folder: Path, **wanted: object) -> list[tuple[str, str]]:
    table = comparison_table([folder], columns=["CH"], **wanted)
    return [row.labels for row in table.rows if row.cells[0].best]


def test_rows_that_cannot_be_told_from_the_best_are_marked_with_it(grid: Path) -> None:
    assert bold(grid) == [("wide", "rise")]
    assert bold(grid, tied=True) == [("wide", "grad_cam"), ("wide", "rise")]
    assert bold(grid, tied=True, rows=["deep"]) == [("deep", "grad_cam")]  # tested among what is shown
    (grid / "wide" / "rise" / "records.csv").unlink()
    assert bold(grid, tied=True) == [("wide", "rise")]


def test_a_pivot_and_a_choice_of_columns_keep_the_marks(grid: Path) -> None:
    marks = [cells[1].best for cells in (row.cells for row in comparison_table([grid], tied=True).rows)]
    turned = comparison_table([grid], columns=["CH"], pivot="attribution", tied=True)
    assert [cell.best for row in turned.rows for cell in row.cells] == marks[:4] == [True, True, False, False]


def test_what_is_said_of_marks_is_said_where_there_are_some(tmp_path: Path) -> None:
    same, worse = np.full(30, 100.0), made_up_values(30, 40, seed=3)
    run = write_run(tmp_path / "run", {("net", "a"): same, ("net", "b"): same, ("net", "c"): worse})
    for wanted in (["a", "b", "c"], ["a", "b"]):
        table = comparison_table([run], rows=wanted, columns=["CH"], tied=True)
        assert [row.cells[0].best for row in table.rows] == [True, True, False][: len(wanted)]
        assert any(note.startswith("bold: values") for note in table.notes)
    assert not any("bold" in note for note in comparison_table([run], rows=["a"], tied=True).notes)
    rows = {("wide", "a"): same, ("deep", "a"): worse}
    run = write_run(tmp_path / "other", rows, accuracy={"wide": 70, "deep": 90})
    for columns, ends in ((["CH"], "method"), (["top1_accuracy", "CH"], "; Top-1: the best value")):
        (said,) = (one for one in comparison_table([run], columns=columns, tied=True).notes if "bold" in one)
        assert said.endswith(ends)
    table = comparison_table([run], columns=["top1_accuracy"], tied=True)  # what was not tested
    assert not any("tests" in note for note in table.notes)


def test_rows_and_columns_come_as_they_are_asked_for(grid: Path) -> None:
    table = comparison_table([grid], rows=["rise", "wide/*"], columns=["ch", "top1_accuracy"])
    assert [row.labels for row in table.rows] == [("wide", "rise"), ("deep", "rise"), ("wide", "grad_cam")]
    assert [column.metric for column in table.columns] == ["content_heatmap", "top1_accuracy"]
    with pytest.raises(RaybenchError, match="--rows: unknown row 'rose'; did you mean 'rise'"):
        comparison_table([grid], rows=["rose"])
    with pytest.raises(RaybenchError, match="--columns: unknown column 'CG'"):
        comparison_table([grid], columns=["CG"])


def test_pivoted_table_holds_each_value_once_under_its_names(grid: Path) -> None:
    plain = comparison_table([grid], columns=["top1_accuracy", "CH"])
    table = comparison_table([grid], columns=["top1_accuracy", "CH"], pivot="attribution")
    values = {row.labels: row.cells for row in plain.rows}
    assert [(column.over, column.label) for column in table.columns[1:]] == [
        ("CH", "grad_cam"),
        ("CH", "rise"),
    ]
    assert [row.labels for row in table.rows] == [("wide",), ("deep",)]
    for row in table.rows:
        for cell, method in zip(row.cells[1:], ("grad_cam", "rise"), strict=True):
            assert cell.value == values[row.labels[0], method][1].value
    assert [row.cells[0].value for row in table.rows] == pytest.approx([70, 90])
    assert [cell.best for cell in table.rows[0].cells[1:]] == [False, True]  # of both, as without a pivot
    assert any(note.startswith("without a network: center: CH ") for note in table.notes)
    assert list(table.frame().columns[:2]) == ["checkpoint", "top1_accuracy"]
    turned = comparison_table([grid], columns=["CH"], pivot="checkpoint")
    assert [row.labels for row in turned.rows] == [("grad_cam",), ("rise",)]


def test_labels_stand_for_names_wherever_people_read(grid: Path, tmp_path: Path) -> None:
    labels = {"checkpoint_labels": {"wide": "Wide & deep", "deep": "none"}}
    change_manifest(
        grid,
        facts=labels | {"attribution_labels": {"grad_cam": "Grad-CAM", "rise": "a\nb", "center": "Centre"}},
        attributions=[{"name": "grad_cam", "method": "grad_cam", "options": {"layer": "x"}}],
    )
    table = comparison_table([grid])
    assert "| Wide &amp; deep | Grad-CAM |" in render_table(table, "markdown")
    assert r"Wide \& deep & Grad-CAM" in render_table(table, "latex")
    assert r"Grad-CAM: layer = x\par" in render_table(table, "latex")  # notes name what rows do
    assert "| deep | rise |" in render_table(table, "markdown")  # labels that a table could not hold
    assert render_table(table, "csv").splitlines()[1].startswith("wide,grad_cam,")
    turned = comparison_table([grid], columns=["CH"], rows=["*"], pivot="attribution")
    assert "| checkpoint | CH Grad-CAM | CH rise |" in render_table(turned, "markdown")
    assert "- without a network: Centre: CH " in render_table(turned, "markdown")
    plot_all([grid], tmp_path / "plots", only=["ranks", "bars"], formats=["png"])
    assert set(pd.read_csv(tmp_path / "plots" / "ranks.csv")["panel"]) == {"Wide & deep", "deep"}
    page = render_pages(collect([grid], with_published=False))["index.html"].decode()
    assert 'title="wide">Wide &amp; deep<' in page
    assert 'data-pick="wide|grad_cam"' in page


def test_places_are_those_of_the_values_and_shared_by_equal_ones(tmp_path: Path) -> None:
    steady = np.linspace(20, 80, 30).round(7)
    values = {"a": steady + 3, "b": steady, "c": steady, "d": steady - 9}
    run = write_run(tmp_path / "run", {("net", name): one for name, one in values.items()})
    other = {"a": steady, "b": steady + 3, "c": steady - 9, "d": steady - 5}
    further = write_run(
        tmp_path / "other", {("net", name): one for name, one in other.items()}, dataset="coco"
    )
    plot_all([run, further], tmp_path / "plots", mixed=True, only=["ranks"], formats=["png"])
    places = pd.read_csv(tmp_path / "plots" / "ranks.csv").query("panel == 'CH'")
    found = {name: list(rows["value"]) for name, rows in places.groupby("name")}
    assert found == {"net · a": [1, 2], "net · b": [2.5, 1], "net · c": [2.5, 4], "net · d": [4, 3]}
    assert list(places["x"].unique()) == ["shapes", "coco"]
    plot_all([run], tmp_path / "alone", only=["ranks"], formats=["png"])
    assert list(pd.read_csv(tmp_path / "alone" / "ranks.csv")["panel"].unique()) == ["net"]


def test_latex_of_a_pivoted_table_is_well_formed(grid: Path) -> None:
    words = ["--columns", "CH,PG", "--pivot", "attribution", "--half-width", "--format", "latex"]
    text = call("table", grid, *words)
    (alignment,) = re.findall(r"begin\{tabular\}\{(\w+)\}", text)
    body = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert len(body) == 4  # two lines of headings, two rows
    for line in body:
        spans = [int(width) for width in re.findall(r"multicolumn\{(\d+)\}", line)]
        assert line.count("&") + sum(spans) - len(spans) == len(alignment) - 1
    assert r"\multicolumn{2}{c}{CH}" in text
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){4-5}" in text
    assert text.count("{") == text.count("}")
    begun, ended = (re.findall(rf"\\{word}\{{(\w+)\}}", text) for word in ("begin", "end"))
    assert begun == ended[::-1] == ["table", "tabular"]
