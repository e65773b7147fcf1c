"""Comparing two rows: values as in the summary, differences by hand and by scipy, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.benchmark.comparison import Comparison, compare
from raybench.benchmark.results.files.folder import read_summary
from raybench.benchmark.results.files.names import safe_name
from raybench.benchmark.statistics import holm

RunWriter = Callable[..., Path]
SCORES = {"good": [90, 80, 95, 70, 85, 99, 60, 75, 88], "bad": [50, 85, 40, 30, 20, 65, 55, 10, 45]}


def queries_of(name: str, *, images: range = range(9)) -> list[tuple[str, int, float, float]]:
    return [(f"{n:03d}", n % 3, 100.0 * (SCORES[name][n] >= 60), SCORES[name][n] + n / 10) for n in images]


def predictions_of(name: str) -> list[tuple[str, str, str, str]]:
    hits = [score >= 60 for score in SCORES[name]]
    return [
        (f"{n:03d}", str(n % 3), f"{n % 3} 3" if hit else f"3 {(n + 1) % 3}", "")
        for n, hit in enumerate(hits)
    ]


@pytest.fixture
def two_runs(write_run: RunWriter) -> tuple[Path, Path]:
    """A run of `bad` and a run of `good`, under two methods that only differ in name."""
    return tuple(
        write_run(
            name,
            {(name, "grad_cam"): queries_of(name), (name, "gradient"): queries_of(name)},
            predictions={name: predictions_of(name)},
        )
        for name in ("bad", "good")
    )


def line_of(found: Comparison, metric: str) -> pd.Series:
    (line,) = [row for _, row in found.metrics.iterrows() if row["metric"] == metric]
    return line


def test_values_are_those_of_the_summaries(two_runs: tuple[Path, Path]) -> None:
    bad, good = two_runs
    found = compare(bad / "bad" / "grad_cam", good / "good" / "grad_cam")
    assert len(found.metrics) == 3
    for side, run in (("value_a", bad), ("value_b", good)):
        summary = read_summary(run / "summary.csv")
        for _, line in found.metrics.iterrows():
            rows = summary[
                (summary["metric"] == line["metric"]) & (summary["aggregate"] == line["aggregate"])
            ]
            assert line[side] == pytest.approx(rows["value"].iloc[0], rel=1e-12)
    assert dict(found.metrics[["metric", "aggregate"]].to_numpy()) == {
        "top1_accuracy": "image_mean",
        "pointing_game": "class_mean",  # which the protocol quotes
        "stochastic_pointing_game": "query_mean",
    }
    assert found.metrics[["images", "queries"]].to_numpy().tolist() == [[9, 9]] * 3
    assert found.notes == ()


def test_difference_interval_and_p_value_are_scipy_s(two_runs: tuple[Path, Path]) -> None:
    found = compare(two_runs[0], two_runs[1] / "good" / "gradient")
    line = line_of(found, "stochastic_pointing_game")
    gaps = np.array(SCORES["good"]) - np.array(SCORES["bad"])
    assert line["difference"] == pytest.approx(gaps.mean(), rel=1e-12)
    expected = stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    assert [line["ci_low"], line["ci_high"]] == pytest.approx([*expected], rel=1e-9)
    # the t-test gives 0.0016, but nine images that agree are no surer than 2 / 2^9
    assert stats.ttest_1samp(gaps, 0).pvalue < stats.binomtest(9, 9).pvalue
    assert line["p_value"] == pytest.approx(stats.binomtest(9, 9).pvalue)
    assert found.metrics["p_holm"].tolist() == pytest.approx([*holm(found.metrics["p_value"].to_numpy())])


def test_accuracy_is_paired_image_by_image(two_runs: tuple[Path, Path]) -> None:
    line = line_of(
        compare(two_runs[0] / "bad" / "grad_cam", two_runs[1] / "good" / "grad_cam"), "top1_accuracy"
    )
    hits = [np.array(SCORES[name]) >= 60 for name in ("bad", "good")]
    gaps = 100.0 * hits[1] - 100.0 * hits[0]
    assert line["difference"] == pytest.approx(gaps.mean())
    expected = stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    assert [line["ci_low"], line["ci_high"]] == pytest.approx([*expected], rel=1e-6)
    # 7 images differ, all in favour of B: the sign test bounds the p-value from below
    assert np.count_nonzero(gaps) == 7
    assert line["p_value"] == pytest.approx(stats.binomtest(7, 7).pvalue)


def test_f1_is_compared_through_its_sums(write_run: RunWriter) -> None:
    # A: class 0 has TP 2, FP 1, FN 0 -> 4/5; class 1 has TP 0 -> 0; B is right everywhere
    right = [("a", "0", "", "0"), ("b", "0", "", "0"), ("c", "1", "", "1")]
    wrong = [*right[:2], ("c", "1", "", "0")]
    rows = {"one": wrong, "two": right}
    metrics = ("f1_per_class", "f1_overall", "pointing_game")
    queries = [("a", 0, 100.0, 1.0), ("b", 0, 0.0, 1.0), ("c", 1, 0.0, 1.0)]
    runs = [
        write_run(name, {(name, "cam"): queries}, predictions={name: found}, metrics=metrics)
        for name, found in rows.items()
    ]
    found = compare(*runs)
    per_class, overall = line_of(found, "f1_per_class"), line_of(found, "f1_overall")
    # of the four classes of the list, two are never shown and count as 0
    assert per_class[["value_a", "value_b"]].tolist() == pytest.approx([100 * 0.8 / 4, 100 * 2 / 4])
    assert overall[["value_a", "value_b"]].tolist() == pytest.approx([100 * 4 / 6, 100])
    assert line_of(found, "pointing_game")["difference"] == 0
    assert per_class["p_value"] == 1  # one image that differs tells nothing


def test_images_are_listed_by_the_size_of_their_difference(write_run: RunWriter) -> None:
    first = [
        ("a", 0, 0.0, 50.0),
        ("b", 0, 0.0, 50.0),
        ("b", 1, 0.0, 90.0),
        ("c", 2, 100.0, 10.0),
        ("d", 1, 0.0, 7.0),
    ]
    second = [
        ("a", 0, 100.0, 55.0),
        ("b", 0, 0.0, 60.0),
        ("b", 1, 0.0, 20.0),
        ("c", 2, 0.0, 15.0),
        ("d", 1, 0.0, 7.0),
    ]
    run = write_run("run", {("net", "cam"): first, ("net", "gradient"): second})
    found = compare(run / "net" / "cam", run / "net" / "gradient")
    assert found.metric == "stochastic_pointing_game"  # the pointing game is no more than hit and miss
    columns = ["image_id", "class_index", "class_name", "value_a", "value_b", "difference"]
    assert found.images[columns].to_numpy().tolist() == [
        ["b", 1, "dog", 90, 20, -70],
        ["a", 0, "cat", 50, 55, 5],
        ["c", 2, "fox", 10, 15, 5],
    ]
    assert found.images["attribution_b"].tolist() == ["gradient"] * 3
    by_hits = compare(run / "net" / "cam", run / "net" / "gradient", metric="pointing_game", images=1)
    assert by_hits.images[["image_id", "difference"]].to_numpy().tolist() == [["a", 100]]
    assert "top1_accuracy" not in set(found.metrics["metric"])  # of one and the same checkpoint


def test_only_common_queries_are_compared_and_the_others_counted(write_run: RunWriter) -> None:
    runs = [
        write_run("bad", {("net", "cam"): queries_of("bad", images=range(7))}, limit=7),
        write_run("good", {("net", "cam"): queries_of("good", images=range(2, 9))}),
    ]
    found = compare(*runs)
    line = line_of(found, "stochastic_pointing_game")
    both = np.arange(2, 7)
    assert line["value_a"] == pytest.approx(np.mean(np.array(SCORES["bad"])[both] + both / 10))
    assert line["value_b"] == pytest.approx(np.mean(np.array(SCORES["good"])[both] + both / 10))
    assert line["queries"] == 5
    assert found.notes == (
        "left out: 2 of 7 queries of A (net, cam) that B lacks",
        "left out: 2 of 7 queries of B (net, cam) that A lacks",
    )


def test_rows_without_a_common_query_are_refused(write_run: RunWriter) -> None:
    one = write_run("one", {("net", "cam"): queries_of("bad", images=range(3))})
    other = write_run("other", {("net", "cam"): queries_of("bad", images=range(3, 6))})
    with pytest.raises(
        RaybenchError, match="one/net/cam and .*other/net/cam have no image_id and class_index in"
    ):
        compare(one, other)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"changes": {"short_side": 224}}, "protocol field short_side is 448 and 224"),
        (
            {"dataset": {"name": "imagenet", "options": {}, "fingerprint": "g"}},
            "dataset fingerprint is 'f' and 'g'",
        ),
    ],
)
def test_rows_under_other_rules_or_on_other_data_are_refused(
    write_run: RunWriter, manifest: dict[str, object], message: str
) -> None:
    one = write_run("one", {("net", "cam"): queries_of("bad")})
    other = write_run("other", {("net", "cam"): queries_of("good")}, **manifest)
    with pytest.raises(RaybenchError, match=f"one and .*other are not comparable: .*{message}"):
        compare(one, other)


def test_missing_values_are_left_out_of_their_metric_alone(write_run: RunWriter) -> None:
    lacking = queries_of("bad")
    lacking[4] = (*lacking[4][:3], math.nan)
    run = write_run("run", {("net", "cam"): queries_of("good"), ("net", "other"): lacking})
    found = compare(run / "net" / "cam", run / "net" / "other")
    assert found.metrics.set_index("metric")["queries"].to_dict() == {
        "pointing_game": 9,
        "stochastic_pointing_game": 8,
    }
    assert "004" not in set(found.images["image_id"])


# Which rows belong together.


@pytest.fixture
def grid(write_run: RunWriter) -> Path:
    rows = {(c, m): queries_of("good") for c in ("net", "wide") for m in ("cam", "gradient")}
    return write_run("grid", {**rows, ("none", "center"): queries_of("bad")})


def paired_names(found: Comparison) -> list[tuple[str, ...]]:
    columns = ["checkpoint_a", "attribution_a", "checkpoint_b", "attribution_b"]
    return list(dict.fromkeys(map(tuple, found.metrics[columns].to_numpy())))


def test_two_runs_are_paired_by_name_without_the_methods_that_need_no_network(
    grid: Path, write_run: RunWriter
) -> None:
    rows = {("net", "cam"): queries_of("bad"), ("new", "cam"): queries_of("bad")}
    other = write_run("other", {**rows, ("none", "center"): queries_of("bad")})
    assert paired_names(compare(grid, other)) == [("net", "cam", "net", "cam")]


def test_two_checkpoints_are_paired_by_method(grid: Path) -> None:
    assert paired_names(compare(grid / "net", grid / "wide")) == [
        ("net", "cam", "wide", "cam"),
        ("net", "gradient", "wide", "gradient"),
    ]


def test_two_rows_of_any_names_are_paired(grid: Path) -> None:
    found = compare(grid / "net" / "cam", grid / "none" / "center")
    assert paired_names(found) == [("net", "cam", "none", "center")]


def test_runs_of_one_method_each_are_paired_by_checkpoint(grid: Path, write_run: RunWriter) -> None:
    rows = [{(c, m): queries_of("good") for c in ("net", "wide")} for m in ("cam", "gradient")]
    one, other = (write_run(f"run{n}", found) for n, found in enumerate(rows))
    assert paired_names(compare(one, other)) == [
        ("net", "cam", "net", "gradient"),
        ("wide", "cam", "wide", "gradient"),
    ]


def test_checkpoints_and_methods_with_odd_names_are_found(write_run: RunWriter) -> None:
    # summary.csv holds the name, the folder its harmless form
    run = write_run("run", {("net", "cam"): queries_of("bad"), ("net", "cam2"): queries_of("good")})
    text = (run / "summary.csv").read_text().replace(",cam2,", ",../cam,")
    (run / "summary.csv").write_text(text)
    folder = run / "net" / safe_name("../cam")
    (run / "net" / "cam2").rename(folder)
    assert paired_names(compare(run / "net" / "cam", folder)) == [("net", "cam", "net", "../cam")]


# Mistakes.


def test_mistakes_name_the_folder_and_the_way_out(grid: Path, write_run: RunWriter) -> None:
    with pytest.raises(
        RaybenchError, match=r"no folder .*nowhere; give OUT or OUT/<checkpoint>/<attribution>"
    ):
        compare(grid, grid / "nowhere")
    (grid / "net" / "notes").mkdir()
    with pytest.raises(RaybenchError, match=r"summary.csv has no row with an attribution for .*net/notes"):
        compare(grid, grid / "net" / "notes")
    with pytest.raises(RaybenchError, match="net/cam would be compared with itself; give two rows"):
        compare(grid, grid)
    with pytest.raises(RaybenchError, match="neither the folder of a run nor of a row"):
        compare(grid, grid.parent)
    other = write_run("other", {("new", "a"): queries_of("bad"), ("newer", "b"): queries_of("bad")})
    with pytest.raises(
        RaybenchError, match=r"nothing to pair: .*\(net, cam / net, gradient / wide, cam and 1 more"
    ):
        compare(grid, other)


def test_unknown_metric_is_named_with_the_known_ones(grid: Path) -> None:
    with pytest.raises(UnknownNameError, match="'spg'; known: pointing_game, stochastic_pointing_game"):
        compare(grid / "net", grid / "wide", metric="spg")
    with pytest.raises(UnknownNameError, match="did you mean 'pointing_game'"):
        compare(grid / "net", grid / "wide", metric="pointing-game")


def test_query_that_stands_twice_is_refused(write_run: RunWriter) -> None:
    run = write_run("run", {("net", "cam"): queries_of("bad"), ("net", "other"): queries_of("good")})
    path = run / "net" / "cam" / "records.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[3] + "\n")
    with pytest.raises(RaybenchError, match="net/cam holds image '002' twice"):
        compare(run / "net" / "cam", run / "net" / "other")


def test_damaged_records_name_the_line(write_run: RunWriter) -> None:
    run = write_run("run", {("net", "cam"): queries_of("bad"), ("net", "other"): queries_of("good")})
    path = run / "net" / "cam" / "records.csv"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RaybenchError, match=r"cam/records.csv, line 10: \d values, expected 8"):
        compare(run / "net" / "cam", run / "net" / "other")


def test_manifest_of_another_shape_is_no_hindrance(write_run: RunWriter) -> None:
    run = write_run("run", {("net", "cam"): queries_of("bad"), ("net", "other"): queries_of("good")})
    (run / "run.json").write_text(json.dumps({"metrics": 3, "protocol": []}))
    found = compare(run / "net" / "cam", run / "net" / "other")
    assert set(found.metrics["metric"]) == {"pointing_game", "stochastic_pointing_game"}
