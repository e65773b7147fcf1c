"""What gets onto the board, what is left out, and why."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from board_folders import METRIC_NAMES, change_manifest, made_up_values, write_run

from raybench.benchmark.board.build import render_pages
from raybench.benchmark.board.collect import collect
from raybench.benchmark.statistics import INTERVALS

IMAGES = 40


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A sound folder: a good and a bad checkpoint under one method, and the centre."""
    rows = {
        ("good", "grad_cam"): made_up_values(IMAGES, 80, seed=1),
        ("bad", "grad_cam"): made_up_values(IMAGES, 30, seed=2),
        ("none", "center"): made_up_values(IMAGES, 50, seed=3),
    }
    return write_run(tmp_path / "run", rows, accuracy={"good": 70, "bad": 90})


def edit(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def test_sound_folder_gives_one_section_with_values_intervals_and_ranks(run: Path) -> None:
    board = collect([run], with_published=False)
    assert board.excluded == ()
    (section,) = board.sections
    assert [(row.checkpoint, row.attribution) for row in section.rows] == [
        ("good", "grad_cam"),
        ("bad", "grad_cam"),
        ("none", "center"),
    ]
    good, bad, center = section.rows
    expected = made_up_values(IMAGES, 80, seed=1)
    np.testing.assert_allclose(good.values["content_heatmap"], expected, rtol=1e-6)
    assert good.scores["content_heatmap"].value == pytest.approx(expected.mean(), abs=1e-9)
    assert good.scores["content_heatmap"].low < expected.mean() < good.scores["content_heatmap"].high
    assert good.scores["top1_accuracy"].value == pytest.approx(70)
    assert (good.scores["content_heatmap"].rank, bad.scores["content_heatmap"].rank) == ((1, 1), (2, 2))
    assert center.scores["content_heatmap"].rank is None
    assert "top1_accuracy" not in center.scores
    assert section.image_ids.tolist() == [f"img_{number:06d}" for number in range(IMAGES)]


def test_pointing_game_is_shown_under_the_mean_that_the_protocol_quotes(run: Path) -> None:
    (section,) = collect([run], with_published=False).sections
    hits = np.where(made_up_values(IMAGES, 30, seed=2) > 40, 100.0, 0.0)
    by_class = np.mean([hits[np.arange(IMAGES) % 7 == index].mean() for index in range(7)])
    assert by_class != pytest.approx(hits.mean())
    assert section.rows[1].scores["pointing_game"].value == pytest.approx(by_class)


def test_folder_of_folders_is_opened_one_level_down(run: Path) -> None:
    assert len(collect([run.parent], with_published=False).sections[0].rows) == 3


def test_folder_without_records_is_shown_unranked_and_says_so(run: Path) -> None:
    for records in run.rglob("records.csv"):
        records.unlink()
    board = collect([run], with_published=False)
    assert board.excluded == ()
    for row in board.sections[0].rows:
        assert "no records" in row.note
        assert not row.values
        assert all(score.rank is None for score in row.scores.values())


def test_the_page_says_how_its_intervals_were_made(run: Path) -> None:
    page = render_pages(collect([run], with_published=False))["index.html"].decode()
    assert f"95 % intervals over pictures ({INTERVALS})." in page
    for records in run.rglob("records.csv"):
        records.unlink()
    change_manifest(run, intervals="linearised, version 2")
    page = render_pages(collect([run], with_published=False))["index.html"].decode()
    assert f"({INTERVALS}; in rows that say “summary only” also linearised, version 2)." in page


def cut_records(run: Path) -> None:
    path = run / "good" / "grad_cam" / "records.csv"
    path.write_bytes(path.read_bytes()[:-30])


def drop_last_records(run: Path) -> None:
    edit(run / "good" / "grad_cam" / "records.csv", lambda lines: lines[:-3])


def edit_record(run: Path) -> None:
    def change(lines: list[str]) -> list[str]:
        *words, last = lines[7].rstrip("\n").split(",")
        return [*lines[:7], ",".join((*words, f"{float(last) + 0.5}")) + "\n", *lines[8:]]

    edit(run / "good" / "grad_cam" / "records.csv", change)


def edit_hidden_aggregate(run: Path) -> None:
    def change(lines: list[str]) -> list[str]:
        place = next(n for n, line in enumerate(lines) if "good,grad_cam,pointing_game,query_mean" in line)
        words = lines[place].split(",")
        words[8] = "99.0"
        return [*lines[:place], ",".join(words), *lines[place + 1 :]]

    edit(run / "summary.csv", change)


def narrow_interval(run: Path) -> None:
    def change(lines: list[str]) -> list[str]:
        place = next(n for n, line in enumerate(lines) if "good,grad_cam,content_heatmap,query_mean" in line)
        words = lines[place].split(",")
        words[9:11] = [f"{float(words[8]) - 0.1}", f"{float(words[8]) + 0.1}"]
        return [*lines[:place], ",".join(words), *lines[place + 1 :]]

    edit(run / "summary.csv", change)


def hide_degenerate(run: Path) -> None:
    edit(
        run / "good" / "grad_cam" / "records.csv",
        lambda lines: [lines[0], lines[1].replace(",ok,", ",zero,"), *lines[2:]],
    )


def repeat_record(run: Path) -> None:
    edit(run / "good" / "grad_cam" / "records.csv", lambda lines: [*lines[:3], *lines[2:]])


def remove_records(run: Path) -> None:
    (run / "good" / "grad_cam" / "records.csv").unlink()


def forget_checkpoint(run: Path) -> None:
    change_manifest(run, checkpoints=[{"name": "bad", "architecture": "resnet18"}])


def test_intervals_are_those_of_the_records_whatever_the_summary_says(run: Path) -> None:
    (section,) = collect([run], with_published=False).sections
    honest = {row.key: row.scores["content_heatmap"] for row in section.rows}
    narrow_interval(run)
    (section,) = collect([run], with_published=False).sections
    assert {row.key: row.scores["content_heatmap"] for row in section.rows} == honest


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            cut_records,
            r"good/grad_cam/records.csv, line 41: \d values, expected 9|has 39 records|not a number",
        ),
        (drop_last_records, "has 37 records, but summary.csv counts 40"),
        (edit_record, r"value of good/grad_cam, content_heatmap \(query_mean\) is .*records.csv gives"),
        (edit_hidden_aggregate, r"value of good/grad_cam, pointing_game \(query_mean\) is '99.0'"),
        (hide_degenerate, r"degenerate of good/grad_cam, pointing_game \(class_mean\) is '0'.*gives 1"),
        (repeat_record, "line 4: image 'img_000001', class 1 is there twice"),
        (remove_records, "good/grad_cam/records.csv is missing"),
        (forget_checkpoint, "run.json does not describe checkpoint 'good'"),
    ],
)
def test_damaged_row_is_named_and_left_out(run: Path, damage: Callable[[Path], None], reason: str) -> None:
    damage(run)
    board = collect([run], with_published=False)
    assert [row.checkpoint for row in board.sections[0].rows] == ["bad", "none"]
    (excluded,) = board.excluded
    assert excluded.path == run
    assert re.search(reason, excluded.reason)


def test_accuracy_that_does_not_follow_from_predictions_is_left_out_alone(run: Path) -> None:
    edit(
        run / "good" / "predictions.csv",
        lambda lines: [lines[0], lines[1].replace(",0,0,", ",0,1,"), *lines[2:]],
    )
    board = collect([run], with_published=False)
    good = board.sections[0].rows[0]
    assert "top1_accuracy" not in good.scores
    assert good.scores["content_heatmap"].rank == (1, 1)
    assert "top1_accuracy (image_mean) is '70.0'; good/predictions.csv gives 67.5" in board.excluded[0].reason


def break_json(run: Path) -> None:
    (run / "run.json").write_text("{")


def remove(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def unknown_protocol(run: Path) -> None:
    edit(run / "summary.csv", lambda lines: [line.replace(",aaai21,", ",aaai99,") for line in lines])
    change_manifest(run, protocol=manifest_protocol(run) | {"name": "aaai99"})


def other_version(run: Path) -> None:
    protocol = manifest_protocol(run)
    change_manifest(run, protocol=protocol | {"fields": protocol["fields"] | {"version": 2}})


def other_field(run: Path) -> None:
    protocol = manifest_protocol(run)
    change_manifest(run, protocol=protocol | {"fields": protocol["fields"] | {"tolerance_px": 30}})


def manifest_protocol(run: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((run / "run.json").read_text())["protocol"]
    return found


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove("run.json"), "run.json is missing"),
        (remove("summary.csv"), "is unfinished"),
        (break_json, "run.json, line 1: not valid JSON"),
        (lambda run: edit(run / "summary.csv", lambda lines: lines[:1]), "summary.csv has no rows"),
        (
            lambda run: edit(run / "summary.csv", lambda lines: [*lines[:-1], lines[-1][:40]]),
            "summary.csv, line",
        ),
        (lambda run: change_manifest(run, status="running"), r"not complete \(status 'running'\)"),
        (unknown_protocol, "unknown protocol 'aaai99'; did you mean 'aaai21'"),
        (other_version, "protocol.fields are of 'aaai21' version '2'; expected 'aaai21' version 1"),
        (other_field, "protocol.id is '[0-9a-f]{12}', but its fields hash to"),
    ],
)
def test_damaged_folder_is_named_and_left_out(
    run: Path, tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    sound = shutil.copytree(run, tmp_path / "sound")
    damage(run)
    board = collect([run, sound], with_published=False)
    assert len(board.sections) == 1
    assert {row.folder.path for row in board.sections[0].rows} == {sound}
    (excluded,) = board.excluded
    assert excluded.path == run
    assert re.search(reason, excluded.reason)


def test_missing_folder_is_listed(tmp_path: Path) -> None:
    board = collect([tmp_path / "nowhere"], with_published=False)
    assert board.sections == ()
    assert "no folder" in board.excluded[0].reason


def test_of_two_runs_of_a_row_the_later_stays(run: Path, tmp_path: Path) -> None:
    rows = {("good", "grad_cam"): made_up_values(IMAGES, 60, seed=4)}
    later = write_run(tmp_path / "later", rows, started="2026-02-01T00:00:00+00:00")
    board = collect([later, run], with_published=False)
    good = next(row for row in board.sections[0].rows if row.checkpoint == "good")
    assert good.folder.path == later
    (excluded,) = board.excluded
    assert excluded.path == run
    assert f"row good with grad_cam was measured again in {later}" in excluded.reason


def test_other_rules_or_data_make_another_section(run: Path, tmp_path: Path) -> None:
    rows = {("good", "grad_cam"): made_up_values(IMAGES, 60, seed=4)}
    clamped = write_run(tmp_path / "clamped", rows, protocol="aaai21-clamped")
    other = write_run(tmp_path / "other", rows, dataset="coco")
    sections = collect([run, clamped, other], with_published=False).sections
    assert {(section.dataset, section.protocol) for section in sections} == {
        ("shapes", "aaai21"),
        ("shapes", "aaai21-clamped"),
        ("coco", "aaai21"),
    }
    keys = [row.key for section in sections for row in section.rows]
    assert len(set(keys)) == len(keys)


def test_published_value_stands_beside_the_measured_one(tmp_path: Path) -> None:
    rows = {("resnet18-gmp-gc", "grad_cam_elementwise"): made_up_values(IMAGES, 60, seed=4)}
    card = {"resnet18-gmp-gc": {"architecture": "resnet18", "training": "GMP+GC"}}
    run = write_run(tmp_path / "run", rows, cards=card, dataset="imagenet", accuracy={"resnet18-gmp-gc": 50})
    board = collect([run])
    section = board.sections[0]
    scores = section.rows[0].scores
    # the AAAI-21 README's row of ResNet18 with GMP+GC
    published = {
        "top1_accuracy": 69.02,
        "pointing_game": 79.6,
        "stochastic_pointing_game": 68.74,
        "content_heatmap": 65.35,
    }
    assert {metric: score.published for metric, score in scores.items()} == published
    assert "AAAI 2021" in scores["content_heatmap"].source
    assert len(section.published) == 9  # ten rows, less the measured one
    assert ("resnet18", "gmp_gc") not in {(row.architecture, row.training) for row in section.published}


def test_published_coco_rows_of_the_readme_carry_their_mark(run: Path) -> None:
    sections = {(s.dataset, s.protocol): s for s in collect([run]).sections}
    coco = sections["coco_val2014", "aaai21"]
    assert len(coco.published) == 4
    assert all(row.mark == "repeats the ImageNet rows" for row in coco.published)
    assert not coco.rows
    assert len(sections["voc2007_test", "iccv19"].published) > 10


def test_row_on_other_queries_is_shown_unranked(run: Path, tmp_path: Path) -> None:
    rows = {("third", "grad_cam"): made_up_values(IMAGES, 60, seed=4)}
    other = write_run(tmp_path / "other", rows)
    # an image that could not be used: its record is missing, and the summary knows
    shutil.rmtree(other)
    write_run(other, {key: values[:-1] for key, values in rows.items()}, dataset="shapes")
    facts = {"name": "shapes", "options": {}, "classes": "seven", "images": IMAGES, "fingerprint": "ab" * 32}
    change_manifest(other, dataset=facts)
    third = next(
        r for r in collect([run, other], with_published=False).sections[0].rows if r.checkpoint == "third"
    )
    assert "other queries" in third.note
    assert not third.values
    assert third.scores["content_heatmap"].rank is None
    assert not math.isnan(third.scores["content_heatmap"].value)


def test_link_out_of_the_folder_is_not_followed(run: Path, tmp_path: Path) -> None:
    records = run / "good" / "grad_cam" / "records.csv"
    outside = tmp_path / "outside.csv"
    records.rename(outside)
    records.symlink_to(outside)
    assert "leads out of the folder" in collect([run]).excluded[0].reason


def test_missing_values_are_left_out_of_means(tmp_path: Path) -> None:
    values = made_up_values(IMAGES, 60, seed=4)
    values[3] = np.nan
    run = write_run(tmp_path / "run", {("good", "grad_cam"): values})
    board = collect([run], with_published=False)
    assert board.excluded == ()
    row = board.sections[0].rows[0]
    assert row.scores["content_heatmap"].value == pytest.approx(np.nanmean(values))
    assert np.isnan(row.values["content_heatmap"][3])
    assert set(row.values) == set(METRIC_NAMES)
