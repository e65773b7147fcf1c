"""Comparison tables: what stands where, what is best, what is refused."""

from __future__ import annotations

import json
import math

import pytest

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.summary import write_summary
from raybench.benchmark.tables.tables import comparison_table, published_tables
from raybench.checkpoints.classes import ClassList

SCORES = {
    "first": {"grad_cam": 25.0, "gradient": 50.0},
    "second": {"grad_cam": 75.0, "gradient": 50.0},
    "none": {"box_oracle": 100.0},
}


def cell(table, metric, *labels):
    (row,) = [row for row in table.rows if row.labels[-len(labels) :] == labels]
    (place,) = [place for place, column in enumerate(table.columns) if column.metric == metric]
    return row.cells[place]


def test_rows_are_checkpoints_times_attributions_with_network_free_rows_last(make_run):
    table = comparison_table([make_run(scores=SCORES)])
    assert [row.labels for row in table.rows] == [
        ("first", "grad_cam"),
        ("first", "gradient"),
        ("second", "grad_cam"),
        ("second", "gradient"),
        ("none", "box_oracle"),
    ]
    assert [column.label for column in table.columns] == ["Top-1", "PG", "SPG", "CH"]


def test_values_are_those_of_the_records(make_run):
    table = comparison_table([make_run(scores=SCORES)])
    assert cell(table, "stochastic_pointing_game", "first", "grad_cam").value == 25
    assert cell(table, "content_heatmap", "second", "grad_cam").value == 37.5
    # images 0 to 2 of 12 hit, one of each class; so do 0 to 8
    assert cell(table, "pointing_game", "first", "grad_cam").value == 25
    assert cell(table, "pointing_game", "second", "grad_cam").value == 75


def test_accuracy_is_repeated_in_each_row_of_its_checkpoint(make_run):
    table = comparison_table([make_run(scores=SCORES, accuracy={"first": 50.0, "second": 25.0})])
    assert [row.cells[0].value for row in table.rows[:4]] == [50, 50, 25, 25]
    assert math.isnan(table.rows[4].cells[0].value)
    assert table.missing == 0


def test_best_is_marked_among_rows_with_a_network(make_run):
    table = comparison_table([make_run(scores=SCORES, accuracy={"first": 50.0, "second": 25.0})])
    best = [[row.cells[column].best for row in table.rows] for column in range(4)]
    assert best[0] == [True, True, False, False, False]  # accuracy
    assert best[2] == [False, False, True, False, False]  # the oracle's 100 is no competitor


def test_ties_as_printed_are_all_best_and_a_lone_row_is_not(make_run):
    tie = {"a": {"m": 50.001}, "b": {"m": 50.002}, "c": {"m": 25.0}}
    table = comparison_table([make_run("tie", tie)])
    assert [row.cells[2].best for row in table.rows] == [True, True, False]
    lone = comparison_table([make_run("lone")])
    assert not any(found.best for found in lone.rows[0].cells)


def test_protocol_says_which_mean_of_the_pointing_game_is_quoted(make_run):
    classes, queries = (
        comparison_table([make_run(name, changes=changes)]).columns[1].aggregate
        for name, changes in (("a", None), ("b", {"pointing_game": "query_mean"}))
    )
    assert (classes, queries) == ("class_mean", "query_mean")


def test_runs_under_different_protocols_are_refused_with_the_field_that_differs(make_run):
    first, second = make_run("first"), make_run("second", changes={"short_side": 224})
    with pytest.raises(
        RaybenchError, match="not comparable: protocol field short_side is 448 and 224; use --mixed"
    ):
        comparison_table([first, second])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"dataset": "coco"}, "dataset is 'imagenet' and 'coco'"),
        ({"limit": 5}, "number of images is 12 and '5, the first ones'"),
        ({"metrics": {"stochastic_pointing_game": {"samples": 100}}}, "samples is None and 100"),
    ],
)
def test_runs_on_different_data_are_refused_with_the_field_that_differs(make_run, other, message):
    with pytest.raises(RaybenchError, match=f"not comparable: .*{message}"):
        comparison_table([make_run("first"), make_run("second", **other)])


def test_limit_above_the_number_of_images_is_no_difference(make_run):
    runs = [make_run("first"), make_run("second", {"other": {"grad_cam": 75.0}}, limit=100)]
    assert len(comparison_table(runs).rows) == 2


def test_mixed_runs_carry_dataset_and_protocol_and_have_a_best_each(make_run):
    first = make_run("first", {"a": {"m": 25.0}, "b": {"m": 50.0}})
    second = make_run("second", {"a": {"m": 75.0}, "b": {"m": 100.0}}, dataset="coco")
    table = comparison_table([first, second], mixed=True)
    assert table.headings == ("dataset", "protocol", "checkpoint", "attribution")
    assert [row.labels[0] for row in table.rows] == ["imagenet", "imagenet", "coco", "coco"]
    assert [row.cells[2].best for row in table.rows] == [False, True, False, True]


def test_mixed_runs_whose_protocols_share_a_name_show_the_id(make_run):
    runs = [make_run("first"), make_run("second", {"other": {"m": 75.0}}, changes={"short_side": 224})]
    table = comparison_table(runs, mixed=True)
    assert table.headings == ("dataset", "protocol", "protocol_id", "checkpoint", "attribution")
    assert len({row.labels[2] for row in table.rows}) == 2


def test_equal_names_in_two_runs_are_told_apart_by_folder(make_run):
    runs = [make_run("first"), make_run("second", {"net": {"grad_cam": 75.0}})]
    table = comparison_table(runs)
    assert table.headings == ("run", "checkpoint", "attribution")
    assert [row.labels[0] for row in table.rows] == ["first", "second"]


def test_a_folder_given_twice_counts_once(make_run):
    run = make_run()
    assert len(comparison_table([run, run]).rows) == 1


def test_missing_scores_are_empty_and_counted(make_run):
    run = make_run(scores=SCORES)
    path = run / "summary.csv"
    kept = [line for line in path.read_text().splitlines() if "second,gradient,content_heatmap" not in line]
    path.write_text("\n".join(kept) + "\n")
    table = comparison_table([run])
    assert table.missing == 1
    assert math.isnan(cell(table, "content_heatmap", "second", "gradient").value)
    assert "missing scores, left empty: 1" in table.notes


def test_degenerate_maps_are_counted_in_their_row(make_run):
    run = make_run()
    path = run / "summary.csv"
    path.write_text(path.read_text().replace("12,3,0\n", "12,3,4\n"))
    table = comparison_table([run])
    assert table.rows[0].degenerate == 4
    assert table.frame()["degenerate"].tolist() == [4]


def test_rows_with_other_numbers_of_queries_say_so_and_do_not_compete(make_run):
    run = make_run(scores={"a": {"m": 25.0}, "b": {"m": 50.0}, "c": {"m": 75.0}})
    records = run / "c" / "m" / "records.csv"
    records.write_text("\n".join(records.read_text().splitlines()[:5]) + "\n")
    again = json.loads((run / "run.json").read_text())
    metrics = [METRICS.get(name) for name in again["metrics"]]
    classes = ClassList("three", ("cat", "dog", "fox"), ("cat", "dog", "fox"))
    write_summary(run, again, metrics, frozenset(f"{number:03d}" for number in range(12)), len(classes))
    table = comparison_table([run])
    assert table.frame()["queries"].tolist() == [12, 12, 4]
    assert [row.cells[2].best for row in table.rows] == [False, True, False]


def test_summary_counts_only_the_images_that_were_asked_for(make_run):
    run = make_run()
    facts = json.loads((run / "run.json").read_text())
    metrics = [
        METRICS.get("stochastic_pointing_game"),
        METRICS.get("top1_accuracy"),
    ]
    classes = ClassList("three", ("cat", "dog", "fox"), ("cat", "dog", "fox"))
    write_summary(run, facts, metrics, frozenset({"000", "007", "elsewhere"}), len(classes))
    lines = (run / "summary.csv").read_text().splitlines()
    assert lines[1].split(",")[4:9] == ["net", "", "top1_accuracy", "image_mean", "100.0"]
    assert lines[2].split(",")[4:9] == ["net", "grad_cam", "stochastic_pointing_game", "query_mean", "50.0"]
    assert [line.split(",")[11] for line in lines[1:]] == ["2", "2"]


def test_published_value_stands_beside_the_measured_one(make_run):
    scores = {"resnet18-baseline": {"grad_cam_elementwise": 50.0, "gradient": 25.0}}
    table = comparison_table([make_run(scores=scores)], with_published=True)
    published = [[found.published for found in row.cells] for row in table.rows]
    assert published[0] == [69.43, 79.8, 60.5, 54.36]
    assert published[1][0] == 69.43
    assert all(map(math.isnan, published[1][1:]))
    without = comparison_table([make_run("again", scores)])
    assert all(math.isnan(found.published) for row in without.rows for found in row.cells)


def test_label_of_a_method_does_not_hide_its_published_value(make_run):
    methods = [{"name": "ours", "method": "grad_cam_elementwise", "options": {}}]
    run = make_run(scores={"resnet18-baseline": {"ours": 50.0}}, attributions=methods)
    table = comparison_table([run], with_published=True)
    assert table.rows[0].cells[1].published == 79.8


def test_published_copies_are_marked(make_run):
    run = make_run(dataset="coco", scores={"coco-resnet18-baseline": {"grad_cam": 50.0}})
    found = comparison_table([run], with_published=True).rows[0].cells[1]
    assert (found.published, found.mark) == (79.8, "repeats the ImageNet rows")


def test_a_network_of_ones_own_has_no_published_value(make_run):
    scores = {"mine": {"grad_cam_elementwise": 50.0}, "resnet18-baseline": {"grad_cam_elementwise": 50.0}}
    cards = {"resnet18-baseline": {"architecture": "resnet50"}}
    table = comparison_table([make_run(scores=scores, cards=cards)], with_published=True)
    assert all(math.isnan(found.published) for row in table.rows for found in row.cells)


def test_changed_protocol_is_noted(make_run):
    notes = comparison_table([make_run(changes={"tolerance_px": 5})]).notes
    assert "protocol aaai21 was changed: tolerance_px = 5" in notes


def test_no_folder_and_empty_summary_are_refused(make_run):
    with pytest.raises(RaybenchError, match="no result folder was given"):
        comparison_table([])
    run = make_run()
    path = run / "summary.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(RaybenchError, match="has no rows; measure first"):
        comparison_table([run])


def test_summary_that_mixes_protocols_is_refused(make_run):
    run = make_run()
    path = run / "summary.csv"
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace(lines[2].split(",")[2], "0123456789ab")
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RaybenchError, match="mixes rows with protocol_id"):
        comparison_table([run])


def test_published_table_of_the_paper_has_its_ten_rows():
    imagenet, coco = published_tables("aaai21")
    assert [row.labels for row in imagenet.rows] == [
        (architecture, training)
        for architecture, trainings in (
            ("alexnet", ("baseline", "gc")),
            ("resnet18", ("baseline", "gc", "gmp", "gmp_gc")),
            ("resnet50", ("baseline", "gc", "gmp", "gmp_gc")),
        )
        for training in trainings
    ]
    assert [found.value for found in imagenet.rows[5].cells] == [69.02, 79.6, 68.74, 65.35]
    assert {found.mark for row in coco.rows for found in row.cells} == {"repeats the ImageNet rows"}
    with pytest.raises(UnknownNameError, match="did you mean 'torchray'"):
        published_tables("torchray-docs")


def test_a_sample_that_a_suite_draws_is_not_compared_with_all_images(make_run):
    whole = make_run("whole", scores=SCORES)
    own = {"suite": {"name": "few", "description": "", "images": 6}, "sample": "drawn by seed 0"}
    part = make_run("part", scores=SCORES, **own)
    with pytest.raises(RaybenchError, match="number of images is 12 and '6, drawn by seed 0'"):
        comparison_table([whole, part])
