"""Every section runs on next to no work and holds the rows that it should."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from perf.options import Options
from perf.sections import SECTIONS, exactness, gpu, measure_of


def _rows(lines: Sequence[str]) -> dict[str, list[str]]:
    """Cells of all table rows by their first cell; of rows with the same one, the last."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {first: others for first, *others in cells if not first.startswith("-")}


def test_every_section_is_found_by_its_name() -> None:
    assert all(measure_of(name).__module__.endswith(name) for name in SECTIONS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TorchRay's, when it is imported
@pytest.mark.usefixtures("real_data")
def test_evaluation_holds_floors_limits_and_equal_hits(options: Options) -> None:
    rows = _rows(measure_of("evaluation")(options))
    for method in ("grad_cam", "gradient", "excitation_backprop"):
        assert "to" in rows[f"raybench, {method}"][1], "no ratio to the floor"
    assert rows["bare forward, a process for each core"][1:3] == ["", ""]
    for method in ("grad_cam", "gradient", "excitation_backprop", "contrastive_excitation_backprop"):
        *_, limit, share, ours, theirs = rows[method]
        assert float(limit) > 1
        assert share.endswith("%")
        assert ours == theirs, "TorchRay hits other queries"
    *_, ours, theirs, _, _ = rows["killthebits-resnet18"]
    assert ours == theirs, "the published way hits other queries"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("real_data")
def test_methods_are_compared_with_those_of_libraries(options: Options) -> None:
    chosen = dataclasses.replace(options, only="smooth_grad")
    rows = _rows(measure_of("methods")(chosen))
    assert [goal for *_, goal in (rows["smooth_grad, one class"], rows["smooth_grad, three classes"])] == [
        "1.5",
        "3",
    ]
    assert float(rows["smooth_grad, three classes"][2].split(" ")[0]) > 0


def test_exactness_finds_equal_records_and_names_what_fails(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exactness, "VARIANTS", {"as plain, again": "", "2 processes": "--no-such-option"})
    rows = _rows(exactness.measure(options))
    assert rows["as plain, again"][1] == "all 10", "two plain runs differ"
    assert rows["2 processes"][1].startswith("failed: "), rows


def test_training_holds_all_kinds_of_step(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAYBENCH_DATA", raising=False)
    rows = _rows(measure_of("training")(options))
    assert list(rows) == ["way", "plain", "closed form", "second order"]
    assert rows["plain"][1] == "1.00 (1.00 to 1.00)"


@pytest.mark.usefixtures("real_data")
def test_training_times_the_loaders(options: Options) -> None:
    rows = _rows(measure_of("training")(options))
    assert {"negatives: batch", "negatives: loader"} <= set(rows)


def test_gpu_section_runs_on_a_processor_and_reports_what_fails(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "VARIANTS", {"resize on the device": "--resize no-such-place", "plain": ""})
    rows = _rows(gpu.measure(options))
    assert float(rows["bare forward, float32"][0]) > 0
    assert rows["resize on the device"][0].startswith("failed: "), rows
    assert rows["plain"][6:] == ["all 2", "0", "0", "0"], "a variant after a failed one is not measured"
