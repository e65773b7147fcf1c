"""Submissions with metrics of the whole set and curves: lists are bundled, checked and measured again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from submissions import copy_of, members_of, repacked

from raybench.benchmark.board import collect
from raybench.benchmark.results.files.lists import read_integers, write_integers
from raybench.benchmark.running import SilentReporter, evaluate
from raybench.benchmark.submission import check, extract_bundle, submit
from raybench.benchmark.submission.remeasure import remeasuring
from raybench.benchmark.suite import Remeasuring, Settings, Suite

SUMS, CURVES = "shapes-baseline/grad_cam/statistics.csv", "shapes-baseline/grad_cam/curves.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    suite = Suite(
        name="sets",
        protocol={
            "name": "aaai21-clamped",
            "short_side": 64,
            "crop_resize": 64,
            "crop": 64,
            "tolerance_px": 5,
        },
        dataset="shapes",
        checkpoints=["shapes-baseline"],
        attributions=["grad_cam", "center"],
        metrics=["content_heatmap", "pxap", {"name": "deletion", "steps": 4}],
        gallery=0,
    )
    out = tmp_path_factory.mktemp("sets") / "out"
    evaluate(suite, Settings(data={"shapes": tiny_data}, out=out, workers=0))
    return out


@pytest.fixture(scope="module")
def bundle(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "sets.zip"
    report = submit(folder, path)
    assert not report.problems, report.problems
    return path


def measured_again(bundle: Path, data: Path) -> list[str]:
    how = Remeasuring(images=6, data={"shapes": data}, seed="1")
    report = check(bundle, further=remeasuring(how, SilentReporter()))
    return [str(one) for one in report.problems]


def test_bundle_with_a_metric_of_the_set_and_curves_is_sound_measured_again_and_on_the_board(
    bundle: Path, tiny_data: Path, tmp_path: Path
) -> None:
    assert {SUMS, CURVES, "shapes-baseline/center/statistics.csv"} <= members_of(bundle).keys()
    assert measured_again(bundle, tiny_data) == []
    board = collect([extract_bundle(bundle, tmp_path / "unpacked")], with_published=False)
    assert not board.excluded
    (section,) = board.sections
    assert {"pxap", "deletion"} <= {column.metric for column in section.columns}


def doubled(text: str) -> str:
    """The statistics of the first query, twice: another weight in the value of the set."""
    head, first, *rest = text.splitlines()
    *query, sums = first.split(",")
    changed = write_integers([2 * one for one in read_integers(sums)])
    return "\n".join([head, ",".join([*query, changed]), *rest]) + "\n"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (SUMS, lambda text: None, "the file is missing"),
        (SUMS, lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "queries are not those of the row's"),
        (SUMS, lambda text: text.replace("*", "*9", 1), "numbers, and the line before"),
        (SUMS, lambda text: text.replace(" ", " 0*999999 ", 1), "numbers; expected up to"),
        (SUMS, lambda text: text.replace(" ", " -1 ", 1), "expected whole numbers separated by spaces"),
        (SUMS, doubled, "value of shapes-baseline/grad_cam, pxap"),
        (CURVES, lambda text: text.replace(" ", " nan ", 1), "expected numbers separated by spaces"),
        (CURVES, lambda text: None, "the file is missing"),
    ],
)
def test_lists_that_were_changed_are_found_by_the_check(
    folder: Path, tmp_path: Path, name: str, change: Callable[[str], str | None], said: str
) -> None:
    copy = copy_of(folder, tmp_path)
    text = change((copy / name).read_text())
    (copy / name).unlink() if text is None else (copy / name).write_text(text)
    assert any(said in str(one) for one in check(copy).problems), check(copy).problems


def test_curves_that_a_run_would_not_draw_are_found_by_measuring_again(
    bundle: Path, tmp_path: Path, tiny_data: Path
) -> None:
    head, *rows = members_of(bundle)[CURVES].decode().splitlines()
    changed = [row.rpartition(" ")[0] + " 0.5" for row in rows]
    content = "\n".join([head, *changed]) + "\n"
    other = repacked(bundle, tmp_path / "other.zip", {CURVES: content.encode()}, fix_hashes=True)
    assert check(other).problems == ()
    assert any(
        "deletion" in one and "not as measured anew" in one for one in measured_again(other, tiny_data)
    )
