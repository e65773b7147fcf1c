"""Every registered metric in a whole run: the same bytes however the run is divided."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from tiny_suite import TinySuite, manifest_of, result_bytes

from raybench.base import RaybenchError
from raybench.benchmark.metrics import METRICS, bind_metric
from raybench.benchmark.results import RowStore, read_numbers
from raybench.benchmark.results.verification.curve_checks import refuse_other_curves
from raybench.benchmark.running import evaluate
from raybench.benchmark.statistics import Facts
from raybench.benchmark.suite import Settings

CHEAP: dict[str, dict[str, object]] = {
    **{name: {"steps": 4} for name in ("deletion", "insertion", "symmetric_relevance_gain")},
    **{name: {"draws": 2} for name in ("max_sensitivity", "average_sensitivity", "local_lipschitz")},
    **{name: {"draws": 3} for name in ("faithfulness_correlation", "infidelity")},
    "sensitivity_n": {"draws": 3, "sizes": 2},
    "pixel_flipping": {"steps": 3},
    "road": {"steps": 2},
    "smooth_parameter_randomisation": {"samples": 2},
    "max_box_accuracy": {"side": 16},
    "max_box_accuracy_cross_fitted": {"side": 16},
    "max_box_accuracy_v1": {"side": 16},
}
ALL = [{"name": metric.name, **CHEAP.get(metric.name, {})} for metric in METRICS if not metric.multilabel]
GRAD_CAM = {"name": "grad_cam", "layer": "layer3"}  # of the last layer, maps of random weights are zero
PER_QUERY = [metric for metric in METRICS if metric.per_query]
forking = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="processes are forked")


@pytest.fixture
def suite(tiny: TinySuite) -> Path:
    """The tiny suite with one checkpoint, a signed and an unsigned method, and every metric."""
    return tiny.with_suite(
        metrics=ALL, checkpoints=["first.yaml"], attributions=[GRAD_CAM, "gradient", "random", "center"]
    )


@pytest.fixture
def one_of_each(tiny: TinySuite) -> Path:
    """The same with one metric of each kind."""
    names = ("top1_accuracy", "pointing_game", "sparseness", "deletion", "max_sensitivity", "pxap")
    return tiny.with_suite(
        metrics=[{"name": name, **CHEAP.get(name, {})} for name in names],
        checkpoints=["first.yaml"],
        attributions=[GRAD_CAM, "gradient", "random", "center"],
    )


def run(tiny: TinySuite, suite: Path, out: str, **changes: object) -> dict[str, bytes]:
    given = {"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, "processes": 1, **changes}
    evaluate(suite, Settings(**given))
    return result_bytes(tiny.folder / out)


@forking
def test_bytes_do_not_depend_on_batches_processes_or_interruptions(tiny: TinySuite, suite: Path) -> None:
    expected = run(tiny, suite, "whole", limit=3)
    lists = {"first/grad_cam/curves.csv", "first/grad_cam/statistics.csv", "first/center/statistics.csv"}
    assert lists <= expected.keys()
    assert run(tiny, suite, "batches", limit=3, batch_size=1) == expected
    assert run(tiny, suite, "processes", limit=3, processes=2) == expected
    run(tiny, suite, "resumed", limit=1)
    assert run(tiny, suite, "resumed", limit=3) == expected


def test_an_image_whose_rows_are_missing_in_one_file_is_measured_again(
    tiny: TinySuite, one_of_each: Path
) -> None:
    expected = run(tiny, one_of_each, "out", limit=3)
    for name in ("curves.csv", "statistics.csv", "records.csv"):
        path = tiny.folder / "out/first/gradient" / name
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:-1]))
        assert run(tiny, one_of_each, "out", limit=3) == expected


def test_the_middle_pixel_alone_gives_what_whole_maps_give(tiny: TinySuite) -> None:
    names = [metric.name for metric in METRICS if metric.window]
    shared = {"checkpoints": None, "attributions": ["center"], "gallery": 0}
    run(tiny, tiny.with_suite("middle.yaml", metrics=names, **shared), "middle")
    run(tiny, tiny.with_suite("whole.yaml", metrics=[*names, "sparseness"], **shared), "whole")
    middle, whole = (
        pd.read_csv(tiny.folder / out / "none/center/records.csv") for out in ("middle", "whole")
    )
    assert len(middle) > 0
    assert middle.equals(whole.drop(columns="sparseness"))


class Crash(Exception):
    """What a run dies of."""


@pytest.mark.parametrize("file", ["statistics", "curves", "records"])
def test_a_run_that_ends_between_two_files_goes_on_to_the_same_bytes(
    tiny: TinySuite, one_of_each: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    expected = run(tiny, one_of_each, "whole", limit=4)
    append, images_left = RowStore.append, [3]

    def dying(store: RowStore, rows: Sequence[Sequence[str]]) -> None:
        append(store, rows)
        if store.path.name.startswith(file) and "first" in store.path.parts:
            images_left[0] -= 1
            if not images_left[0]:
                raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(RowStore, "append", dying)
        with pytest.raises(Crash):
            run(tiny, one_of_each, "cut", limit=4, batch_size=1)
    assert (tiny.folder / "cut/first").is_dir()
    assert not images_left[0]
    assert run(tiny, one_of_each, "cut", limit=4) == expected


def test_values_lie_within_bounds_and_are_the_areas_of_their_curves(tiny: TinySuite, suite: Path) -> None:
    run(tiny, suite, "out", limit=4)
    for method in ("grad_cam", "gradient"):
        folder = tiny.folder / "out/first" / method
        records, curves = pd.read_csv(folder / "records.csv"), pd.read_csv(folder / "curves.csv", dtype=str)
        for metric in PER_QUERY:
            assert records[metric.name].dropna().map(metric.allows).all()
            for value, text in zip(records[metric.name], curves.get(metric.name, []), strict=False):
                points = read_numbers(text) if metric.curve else []
                if metric.curve:
                    area = (sum(points) - (points[0] + points[-1]) / 2) / (len(points) - 1)
                    expected = {"area": area, "mean": sum(points) / len(points), "last": points[-1]}
                    assert value == pytest.approx(expected[metric.curve_value], abs=1e-6)


def test_a_value_that_is_not_that_of_its_curve_is_refused(tiny: TinySuite, suite: Path) -> None:
    run(tiny, suite, "out", limit=1)
    path = tiny.folder / "out/first/gradient/records.csv"
    records, metrics = (
        pd.read_csv(path, dtype={"image_id": str}),
        [bind_metric(*one).metric for one in CHEAP.items()],
    )
    refuse_other_curves(path, records, metrics)
    for name in ("deletion", "road", "smooth_parameter_randomisation"):
        changed = records.assign(**{name: records[name] + 1e-4})
        with pytest.raises(RaybenchError, match=rf"{name} is .* its curve in curves.csv gives"):
            refuse_other_curves(path, changed, metrics)


def test_maps_without_a_network_are_asked_about_under_each_checkpoint(tiny: TinySuite, suite: Path) -> None:
    run(tiny, suite, "out", limit=2)
    records = pd.read_csv(tiny.folder / "out/first/center/records.csv")
    assert (records["deletion"] < 1).all()
    # it never looks at the network, and never moves
    for name, value in (("parameter_randomisation", 1), ("random_logit", 1), ("max_sensitivity", 0)):
        assert (records[name] == value).all()
    summary = pd.read_csv(tiny.folder / "out/summary.csv")
    center = summary[summary["attribution"] == "center"].set_index("metric")
    assert center.loc["deletion", "n"] == center.loc["pxap", "n"] == 2
    assert not (tiny.folder / "out/none").exists()


def test_the_manifest_carries_the_facts_of_every_metric(tiny: TinySuite, suite: Path) -> None:
    run(tiny, suite, "out", limit=1)
    described = manifest_of(tiny.folder / "out")["facts"]["metrics"]
    for name, facts in described.items():
        metric = bind_metric(name, CHEAP.get(name)).metric
        assert Facts.read(facts) == Facts(
            **{field: getattr(metric, field) for field in Facts.__dataclass_fields__}
        )


@pytest.mark.parametrize("metric", list(METRICS), ids=lambda metric: metric.name)
def test_every_metric_says_what_it_is(metric: Facts) -> None:
    low, high = metric.bounds
    assert low < high
    assert metric.words.endswith(".")
    assert metric.title
    assert len(metric.label) <= 12
    assert metric.chance is None or low <= metric.chance <= high
    assert bool(metric.rule) == (metric.of_set or metric.of_predictions)
