"""Every section runs on next to no work and holds the rows that it should."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from perf.options import Options
from perf.sections import SECTIONS, section_of
from perf.sections.profiling import METHODS


def _rows(lines: Sequence[str]) -> dict[str, list[str]]:
    """Cells of all table rows by their first cell; of rows with the same one, the last."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {first: others for first, *others in cells if not first.startswith("-")}


def test_every_section_is_found_by_its_name() -> None:
    assert [section_of(name).name for name in SECTIONS] == list(SECTIONS)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TorchRay's, when it is imported
@pytest.mark.usefixtures("real_data")
def test_evaluation_holds_floors_limits_and_equal_hits(options: Options) -> None:
    rows = _rows(section_of("evaluation").measure(options))
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
    rows = _rows(section_of("methods").measure(chosen))
    assert [goal for *_, goal in (rows["smooth_grad, one class"], rows["smooth_grad, three classes"])] == [
        "1.5",
        "3",
    ]
    assert float(rows["smooth_grad, three classes"][2].split(" ")[0]) > 0


@pytest.mark.usefixtures("real_data")
def test_profile_adds_up_and_finds_the_passes(options: Options) -> None:
    rows = _rows(section_of("profile").measure(options))
    shares = {
        name: [float(cell.rstrip(" %")) for cell in cells]
        for name, cells in rows.items()
        if name != "operator"
    }
    for method in range(len(METHODS)):
        assert sum(cells[method] for cells in shares.values()) == pytest.approx(100, abs=1)
        assert min(cells[method] for cells in shares.values()) >= 0
    assert all(share > 0 for share in shares["`aten::mkldnn_convolution`"])
    grad_cam, gradient, _ = shares["`aten::convolution_backward`"]
    assert gradient > grad_cam


def test_exactness_finds_equal_records_and_names_what_is_unknown(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perf.sections import exactness

    variants = (*exactness.VARIANTS[:1], exactness.Variant("as plain, again", ("--no-such-option",)))
    monkeypatch.setattr(exactness, "VARIANTS", variants)
    lines = exactness.EXACTNESS.measure(options)
    assert any("all 10 |" in line for line in lines), "two plain runs differ"
    assert any("not in this version" in line for line in lines)


def test_scaling_holds_a_row_for_each_size(options: Options) -> None:
    lines = section_of("scaling").measure(options)
    rows = _rows(lines)
    assert list(rows) == ["pictures", "2", "8"]
    assert rows["8"][0] == "24", "three methods of eight pictures"
    assert rows["8"][-1] == "0", "pictures whose records lie in a shard were measured again"


def test_leaderboard_reads_ranks_and_draws(options: Options) -> None:
    rows = _rows(section_of("leaderboard").measure(options))
    assert list(rows) == ["step", "read all records", "rank the rows", "`raybench leaderboard`"]


def test_training_holds_all_kinds_of_step(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAYBENCH_DATA", raising=False)
    rows = _rows(section_of("training").measure(options))
    assert list(rows) == ["way", "plain", "closed form", "second order"]
    assert rows["plain"][1] == "1.00 (1.00 to 1.00)"


@pytest.mark.usefixtures("real_data")
def test_training_times_the_loaders(options: Options) -> None:
    rows = _rows(section_of("training").measure(options))
    assert {"negatives: batch", "negatives: loader", "closed form, negatives: loader"} <= set(rows)


def test_gpu_section_runs_on_a_processor_and_reports_what_fails(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perf.sections import gpu

    broken = gpu.Variant("resize on the device", ("--resize", "no-such-place"))
    monkeypatch.setattr(gpu, "VARIANTS", (broken, *gpu.VARIANTS[:1]))
    rows = _rows(gpu.GPU.measure(options))
    assert float(rows["bare forward, float32"][0]) > 0
    assert rows[broken.name][0].startswith("failed: "), rows[broken.name]
    assert rows["plain"][6:] == ["all 2", "0", "0", "0"], "a variant after a failed one is not measured"
