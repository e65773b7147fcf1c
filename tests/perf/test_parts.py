"""The parts that sections share: fresh processes, turns, tables, pictures, limits, differences."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from perf import __main__ as program
from perf.apart import MeasurementError, apart
from perf.command import run_suite
from perf.differences import compare
from perf.options import Options
from perf.pictures import make_pictures, texture
from perf.report import replaced, table
from perf.turns import in_turn, ratio
from perf.ways.floors import limit_of
from raybench.benchmark.datasets import open_dataset
from raybench.benchmark.suite.protocol import protocol_from

PARTS = {"forward": 2.0, "backward": 4.0, "tail_forward": 1.0, "tail_backward": 3.0, "head_backward": 0.5}


@pytest.mark.parametrize(
    ("attribution", "expected"),
    [
        ("grad_cam", 12 * (2 + 0.5) / (4 * 2 + 12 * 0.5)),
        ("gradient", 12 * (2 + 4) / (4 * 2 + 12 * 4)),
        ("excitation_backprop", 12 * (2 + 1 + 3) / (4 * (2 + 1) + 12 * 3)),
        ("contrastive_excitation_backprop", 12 * (2 * 2 + 1 + 3) / (4 * (2 + 1) + 12 * 3)),
    ],
)
def test_limit_of_four_pictures_with_three_queries_each(attribution: str, expected: float) -> None:
    assert limit_of(attribution, PARTS, images=4, queries=12) == pytest.approx(expected)


def test_one_query_for_each_picture_leaves_nothing_to_share() -> None:
    assert limit_of("gradient", PARTS, images=5, queries=5) == 1


def test_ways_run_in_turn_and_ratios_stay_within_a_round() -> None:
    order: list[str] = []
    clock = iter([1.0, 2.0, 30.0, 10.0])

    def way(name: str) -> float:
        order.append(name)
        return next(clock)

    runs = in_turn({"a": lambda: way("a"), "b": lambda: way("b")}, rounds=2)
    assert order == ["a", "b", "b", "a"]
    assert ratio(runs["b"], runs["a"]) == (2.5, 2.0, 3.0)
    assert str(ratio(runs["b"], runs["a"])) == "2.50 (2.00 to 3.00)"


def test_a_function_runs_in_a_fresh_process_and_its_failure_is_told() -> None:
    options = Options(rounds=1, cores=1)
    with pytest.raises(MeasurementError, match="unexpected keyword argument 'colour'"):
        apart(ratio, options, colour="red")  # type: ignore[arg-type]


def test_a_suite_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    ran = run_suite({"name": "x", "no": "suite"}, tmp_path, Options(cores=1))
    assert ran.code == 2
    assert ran.failure.startswith("failed: raybench: ")
    assert "unknown key 'no'" in ran.failure
    assert run_suite({"name": "x"}, tmp_path, Options(cores=1), timeout_s=0.01).failure == "took too long"


def test_only_the_named_section_of_a_report_is_replaced() -> None:
    text = "# T\n<!-- a: begin -->\nold\n<!-- a: end -->\n<!-- b: begin -->\nb\n<!-- b: end -->\n"
    expected = text.replace("old", "new\nlines")
    assert replaced(text, "a", ["new", "lines", ""]) == expected
    with pytest.raises(SystemExit, match="no section between <!-- c: begin -->"):
        replaced(text, "c", [])


def test_table_has_words_on_the_left_and_numbers_on_the_right() -> None:
    assert table(["way", "s"], [["a", "1"]]) == ["| way | s |", "|---|---:|", "| a | 1 |", ""]


def test_program_writes_one_section_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.md"
    report.write_text(
        "<!-- gpu: begin -->\nkept\n<!-- gpu: end -->\n<!-- asking: begin -->\n<!-- asking: end -->\n"
    )
    monkeypatch.setattr(program, "REPORT", report)
    monkeypatch.setattr(program, "measure_of", lambda name: lambda options: ["| measured |", ""])
    program.main(["asking", "--rounds", "1"])
    text = report.read_text()
    assert "kept" in text
    assert "`python -m perf asking --rounds 1" in text
    assert "| measured |\n<!-- asking: end -->" in text
    assert "| measured |" in capsys.readouterr().out


def test_a_section_that_fails_does_not_stop_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(options: Options) -> list[str]:
        raise MeasurementError("no luck")

    sections = {"asking": fail, "training": lambda options: ["| measured |"]}
    monkeypatch.setattr(program, "measure_of", sections.__getitem__)
    with pytest.raises(SystemExit, match="1"):
        program.main(["asking", "training", "--quick"])
    written = capsys.readouterr()
    assert written.err == "asking: failed: no luck\n"
    assert "| measured |" in written.out


def test_program_refuses_an_unknown_section(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["methdos"])
    assert "unknown section 'methdos'; expected evaluation, " in capsys.readouterr().err


def test_every_section_has_its_place_in_the_report() -> None:
    text = program.REPORT.read_text(encoding="utf-8")
    for name in program.SECTIONS:
        assert replaced(text, name, ["x"]) != text


def test_made_pictures_are_read_back_with_their_sizes_and_boxes(tmp_path: Path) -> None:
    make_pictures(tmp_path / "set", 6)
    dataset = open_dataset("imagenet", {"imagenet": tmp_path / "set"}, protocol_from("aaai21-clamped"), {})
    assert len(dataset) == 6
    for sample in dataset:
        assert sample.image is not None
        assert sample.image.size == sample.size[::-1]
        (query,) = sample.queries
        text = (tmp_path / f"set/val/{sample.image_id}.xml").read_text()
        corners = [
            [int(text) for text in re.findall(r">(\d+)</[xy]m", box)] for box in text.split("<object>")[1:]
        ]
        expected = np.zeros(sample.size, dtype=bool)
        for x0, y0, x1, y1 in (map(int, box) for box in corners):
            expected[y0 - 1 : y1, x0 - 1 : x1] = True
        assert (query.region.mask() == expected).all()


def test_textures_compress_like_photographs(tmp_path: Path) -> None:
    make_pictures(tmp_path / "set", 4)
    for path in (tmp_path / "set").rglob("*.JPEG"):
        with PIL.Image.open(path) as picture:
            assert 0.4 < path.stat().st_size / (picture.width * picture.height) < 0.8


def test_the_same_seed_gives_the_same_texture() -> None:
    pictures = [np.asarray(texture((16, 24), np.random.default_rng(3))) for _ in range(2)]
    assert pictures[0].shape == (16, 24, 3)
    assert (pictures[0] == pictures[1]).all()


def test_differences_are_counted_query_by_query(tmp_path: Path) -> None:
    head = "image_id,class_index,point_x,point_y,pointing_game,stochastic_pointing_game,content_heatmap\n"
    for run, rows in {
        "a": "i,1,5,5,100,50,20\nj,1,5,5,100,50,20\nk,1,5,5,0,50,20\n",
        "b": "i,1,5,5,100,50,20\nj,1,5,6,0,52,20.5\n",
    }.items():
        path = tmp_path / run / "net" / "grad_cam" / "records.csv"
        path.parent.mkdir(parents=True)
        path.write_text(head + rows)
    found = compare(tmp_path / "a", tmp_path / "b")
    assert found == ["1 of 2, 1 missing", "2", "0.5", "1", "1"]
