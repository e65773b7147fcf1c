"""Measuring again: honest records agree to the last digit, and a dishonest one is found."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from submissions import change_json, copy_of
from tiny_suite import TinySuite

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets import open_dataset
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results import read_records
from raybench.benchmark.results.summary import summarise_records
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.statistics import Facts
from raybench.benchmark.submission import check, render, submit
from raybench.benchmark.submission.agreement import OTHER, SAME, Agreement, compare_records
from raybench.benchmark.submission.check import Checked
from raybench.benchmark.submission.remeasure import compare_predictions, drawn, remeasure
from raybench.benchmark.submission.report import (
    Findings,
    Report,
    chance_to_pass,
    fewest_to_draw,
    fewest_to_shift,
)
from raybench.benchmark.suite.protocol import PROTOCOLS
from raybench.benchmark.suite.settings import Remeasuring, Settings
from raybench.benchmark.suite.suite import Suite

ALL = 12
RECORDS = "shapes-gmp/grad_cam/records.csv"


def remeasured(
    path: Path, data: Path, images: int = ALL, seed: object = 0, **options: Any
) -> tuple[Report, Agreement]:
    agreements: list[Agreement] = []

    def further(checked: Checked, findings: Findings) -> dict[str, object]:
        agreements.append(
            remeasure(checked, Remeasuring(images, str(seed), {"shapes": data}, **options), findings)
        )
        return {}

    return check(path, further=further), agreements[0]


def edit(path: Path, change: Callable[[list[list[str]]], Any]) -> None:
    rows = list(csv.reader(io.StringIO(path.read_text())))
    change(rows)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())


def test_honest_bundle_agrees_to_the_last_digit(bundle: Path, tiny_data: Path) -> None:
    report, agreement = remeasured(bundle, tiny_data)
    assert report.exit_code == 0, [str(finding) for finding in report.problems]
    # 8 rows of 12 queries with a point and three metrics; predictions of two checkpoints, three lists each
    assert agreement.compared == agreement.identical == 8 * 12 * 4 + 2 * 12 * 3
    assert agreement.images == ALL


def test_same_seed_draws_the_same_images(
    bundle: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def note(name: str, given: pd.DataFrame, *_: object) -> None:
        drawn.append(frozenset(given["image_id"]))

    module = sys.modules["raybench.benchmark.submission.remeasure"]
    monkeypatch.setattr(module, "compare_records", note)
    for seed in (1, 1, 2):
        remeasured(bundle, tiny_data, images=4, seed=seed)
    first, again, other = (set(drawn[start : start + 8]) for start in (0, 8, 16))
    assert first == again
    assert first != other
    assert [len(images) for images in (*first, *other)] == [4, 4]


def test_dishonest_record_is_found_though_its_summary_fits(
    run_folder: Path, tiny_data: Path, tmp_path: Path
) -> None:
    folder = copy_of(run_folder, tmp_path)
    missed = []

    def hit_always(rows: list[list[str]]) -> None:
        for line, row in enumerate(rows[1:], 2):
            missed.append((line, row[0], row[1])) if row[6] == "0" else None
            row[6] = "100"

    edit(folder / RECORDS, hit_always)
    assert missed
    found = {one.aggregate: one for one in summarise_records(read_records(folder / RECORDS), [HIT])}

    def claim(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            if row[4:7] == ["shapes-gmp", "grad_cam", "pointing_game"]:
                one = found[row[7]]  # type: ignore[index]
                row[8:11] = map(repr, (one.value, one.ci_low, one.ci_high))

    edit(folder / "summary.csv", claim)
    assert check(folder).exit_code == 0, [str(finding) for finding in check(folder).problems]
    report, _ = remeasured(folder, tiny_data)
    said = [str(finding) for finding in report.problems]
    assert said == [
        f"{RECORDS}, line {line}: pointing_game of {image!r} class {index} is 100; measured anew 0"
        for line, image, index in missed
    ]


def test_point_that_was_moved_is_found(run_folder: Path, tiny_data: Path, tmp_path: Path) -> None:
    folder = copy_of(run_folder, tmp_path)
    edit(folder / RECORDS, lambda rows: rows[3].__setitem__(slice(4, 6), ["1", "1"]))
    assert check(folder).exit_code == 0  # nothing else depends on the point
    report, agreement = remeasured(folder, tiny_data)
    assert [str(finding) for finding in report.problems] == [
        f"{RECORDS}, line 4: most salient pixel of 'shapes_val_00000003' class {class_of(folder)} is (1, 1); "
        f"measured anew {point_of(run_folder)}"
    ]
    assert agreement.ties == 0


def class_of(folder: Path) -> str:
    return (folder / RECORDS).read_text().splitlines()[3].split(",")[1]


def point_of(folder: Path) -> tuple[int, int]:
    x, y = (folder / RECORDS).read_text().splitlines()[3].split(",")[4:6]
    return int(x), int(y)


def test_pixel_as_salient_as_the_peak_may_be_the_point(
    run_folder: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(run_folder, tmp_path)
    edit(folder / RECORDS, lambda rows: rows[3].__setitem__(4, str(point_of(folder)[0] + 1)))
    # grad_cam's maps are upsampled: the pixel beside the peak is nearly as salient, within one part in ten
    module = sys.modules["raybench.benchmark.submission.remeasure"]
    monkeypatch.setattr(module, "SAME", replace(SAME, tie=0.1, outcomes=0.1))
    report, agreement = remeasured(folder, tiny_data)
    assert report.exit_code == 0, [str(finding) for finding in report.problems]
    assert agreement.ties == 1
    monkeypatch.setattr(module, "SAME", replace(SAME, tie=0.1, outcomes=1e-6))
    report, _ = remeasured(folder, tiny_data)
    assert "1 of 12 points are others than measured anew, though as high" in str(report.problems)


def test_hit_has_to_follow_from_the_point_that_was_submitted(
    run_folder: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(run_folder, tmp_path)

    def claim(rows: list[list[str]]) -> None:
        rows[3][4] = str(point_of(folder)[0] + 1)
        rows[3][6] = "0" if rows[3][6] == "100" else "100"

    edit(folder / RECORDS, claim)
    module = sys.modules["raybench.benchmark.submission.remeasure"]
    monkeypatch.setattr(module, "SAME", replace(SAME, tie=0.1, outcomes=0.1))
    report, _ = remeasured(folder, tiny_data)
    assert f"{RECORDS}, line 4: pointing_game of 'shapes_val_00000003'" in "\n".join(
        map(str, report.problems)
    )


def test_image_that_was_left_out_as_unreadable_is_found(
    run_folder: Path, tiny_data: Path, tmp_path: Path
) -> None:
    folder = copy_of(run_folder, tmp_path)
    change_json(
        folder / "run.json",
        lambda content: content["skipped"].append(
            {"image_id": "shapes_val_00000003", "reason": "unreadable"}
        ),
    )
    report, _ = remeasured(folder, tiny_data)
    said = "\n".join(map(str, report.problems))
    assert "run.json: image 'shapes_val_00000003' was skipped, but can be measured here" in said


def test_other_data_is_found_by_its_fingerprint(run_folder: Path, tiny_data: Path, tmp_path: Path) -> None:
    folder = copy_of(run_folder, tmp_path)
    actual = open_dataset("shapes", {"shapes": tiny_data}, PROTOCOLS["aaai21"], {}).fingerprint()
    change_json(folder / "run.json", lambda content: content["dataset"].update(fingerprint="0" * 64))
    report, _ = remeasured(folder, tiny_data, images=1)
    said = "\n".join(map(str, report.problems))
    assert f"dataset.fingerprint is 000000000000…; the data here: {actual[:12]}…" in said


def test_own_checkpoints_are_measured_with_cards_that_the_checker_gives(tiny: TinySuite) -> None:
    out = tiny.folder / "out"
    evaluate(tiny.suite, Settings(data={"shapes": tiny.data}, out=out, workers=0))
    report, agreement = remeasured(out, tiny.data, images=2)
    assert "checkpoint first was not measured again: give a card that you trust" in str(report.remarks)
    assert agreement.compared == 2 * 2 * 4  # center and random alone
    report, agreement = remeasured(out, tiny.data, images=2, cards=[str(tiny.folder / "first.yaml")])
    assert report.exit_code == 0, [str(finding) for finding in report.problems]
    assert agreement.compared == 2 * 4 * 4 + 2 * 3
    other = yaml.safe_load((tiny.folder / "second.yaml").read_text()) | {"name": "first"}
    (tiny.folder / "other.yaml").write_text(yaml.safe_dump(other))
    report, _ = remeasured(out, tiny.data, images=2, cards=[str(tiny.folder / "other.yaml")])
    assert "weights_sha256.first is not that of the weights here" in "\n".join(map(str, report.problems))
    with pytest.raises(RaybenchError, match="the submission has no checkpoint 'shapes-gc'"):
        remeasured(out, tiny.data, cards=["shapes-gc"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "../../../etc"}, "dataset option 'split' is '../../../etc'"),
        ({"evil": "x"}, "option 'evil'"),
    ],
)
def test_option_of_a_stranger_opens_no_folder(
    run_folder: Path, tiny_data: Path, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    folder = copy_of(run_folder, tmp_path)
    change_json(folder / "run.json", lambda content: content["dataset"].update(options=options))
    with pytest.raises(RaybenchError, match=message):
        remeasured(folder, tiny_data)


def test_selection_of_images_is_taken_from_the_records_not_from_a_path(tiny: TinySuite) -> None:
    listed = tiny.folder / "three.txt"
    listed.write_text("shapes_val_00000002\nshapes_val_00000005\nshapes_val_00000009\n")
    suite = tiny.with_suite(
        dataset={"name": "shapes", "list": str(listed)}, attributions=["center"], metrics=["pointing_game"],
        checkpoints=None,
    )  # fmt: skip
    out = tiny.folder / "out"
    evaluate(suite, Settings(data={"shapes": tiny.data}, out=out, workers=0))
    listed.unlink()
    report, agreement = remeasured(out, tiny.data)
    assert report.exit_code == 0, [str(finding) for finding in report.problems]
    assert (agreement.images, agreement.compared) == (3, 3 * 2)


def test_image_said_to_have_no_query_is_looked_at(run_folder: Path, tiny_data: Path, tmp_path: Path) -> None:
    folder = copy_of(run_folder, tmp_path)
    change_json(folder / "run.json", lambda content: content.update(without_queries=["shapes_val_00000003"]))
    report, _ = remeasured(folder, tiny_data, images=0)
    assert "'shapes_val_00000003' is said to have no query, but has one here" in str(report.problems)


def test_excuses_are_not_called_right_without_the_data(
    run_folder: Path, tiny_data: Path, tmp_path: Path
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    shutil.copytree(tiny_data, data)
    damaged = next(data.rglob("shapes_val_00000003*.*g"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    suite = Suite.model_validate(
        {"name": "small", "protocol": "aaai21", "dataset": "shapes", "attributions": ["center", "random"],
         "metrics": ["content_heatmap"], "gallery": 0}
    )  # fmt: skip
    evaluate(suite, Settings(data={"shapes": data}, out=out, workers=0))
    assert submit(out, tmp_path / "mine.zip").exit_code == 0
    report = check(tmp_path / "mine.zip")
    assert (report.exit_code, report.problems) == (1, ())
    assert "run.json: 1 images are said to be unusable and 0 to have no query" in str(report.claims[0])
    assert "not shown to be right" in render([report], "text")
    assert json.loads(render([report], "json"))[0]["verdict"] == "open"
    report, _ = remeasured(tmp_path / "mine.zip", data)
    assert report.exit_code == 0, [str(finding) for finding in report.findings]
    report, _ = remeasured(tmp_path / "mine.zip", tiny_data, images=0)
    assert "'shapes_val_00000003' was skipped, but can be measured here" in str(report.problems)


def test_images_are_drawn_from_the_hash_of_the_bundle_and_a_secret() -> None:
    ids = [f"{number:04d}" for number in range(1000)]
    lot = drawn(ids, 50, "ab", "secret")
    assert len(lot) == 50
    assert lot == drawn(ids, 50, "ab", "secret")
    # of two independent draws of 50 of 1,000 about 2.5 images are the same
    assert len(lot & drawn(ids, 50, "ac", "secret")) < 12
    assert len(lot & drawn(ids, 50, "ab", "secret2")) < 12


HIT = METRICS.get("pointing_game")
HEAT = METRICS.get("content_heatmap")
METRIC_OF_DRAWS = replace(HEAT, step=1.0)


def frame(**columns: list[Any]) -> pd.DataFrame:
    plain = {
        "image_id": ["a"], "class_index": [1], "class_name": ["cat"], "status": ["ok"], "point_x": [3],
        "point_y": [4], "pointing_game": [100.0], "content_heatmap": [50.0],
    }  # fmt: skip
    return pd.DataFrame({**plain, **columns}, index=[2])


@pytest.mark.parametrize(
    ("change", "heat", "fault"),
    [
        ({"content_heatmap": [50.049]}, HEAT, ""),
        ({"content_heatmap": [50.06]}, HEAT, "content_heatmap of 'a' class 1 is 50; measured anew 50.06"),
        ({"content_heatmap": [52.0]}, METRIC_OF_DRAWS, ""),
        (
            {"content_heatmap": [54.0]},
            METRIC_OF_DRAWS,
            "content_heatmap of 'a' class 1 is 50; measured anew 54",
        ),
        ({"pointing_game": [0.0]}, HEAT, "pointing_game of 'a' class 1 is 100; measured anew 0"),
        ({"status": ["zero"]}, HEAT, "'a' class 1 is 'cat', ok; measured anew cat, zero"),
        ({"class_index": [2]}, HEAT, "'a' class 1 is no query of the data"),
        ({"point_x": [9]}, HEAT, "most salient pixel of 'a' class 1 is (3, 4); measured anew (9, 4)"),
    ],
)
def test_tolerance_is_as_documented(change: dict[str, list[Any]], heat: Facts, fault: str) -> None:
    agreement = Agreement()
    compare_records("r", frame(), frame(**change), [HIT, heat], lambda *_: None, agreement)
    messages = [message for found in agreement.faults.values() for _, message in found]
    assert messages[:1] == ([fault] if fault else [])


def many(change: NDArray[np.float64], metric: str = "content_heatmap") -> list[str]:
    """What is said of rows that were measured as 50 each, and submitted with a change."""
    n = len(change)
    rows = {"image_id": [f"{number:03d}" for number in range(n)], "class_index": np.arange(n) % 5}
    measured = pd.concat([frame()] * n, ignore_index=True).assign(**rows)
    given = measured.assign(**{metric: measured[metric] + change})
    agreement, findings = Agreement(allowance=OTHER), Findings()
    compare_records("r", given, measured, [HIT, HEAT], lambda *_: None, agreement)
    agreement.report(findings)
    return [finding.message for finding in findings.all]


def test_deviations_that_are_small_but_one_sided_or_that_shift_a_mean_are_found() -> None:
    noise = np.random.default_rng(0).normal(0, 0.002, 60)
    assert many(noise) == []
    up = np.abs(noise) + 0.0001
    assert many(up) == [
        "content_heatmap: of 60 images with a deviation 60 deviate upwards; rounding goes either way"
    ]
    down_often = np.where(np.arange(60) % 2, -0.001, 0.045)  # as many up as down, but not as far
    assert many(down_often) == [
        "content_heatmap: all deviations together shift the query mean of the images drawn by +0.022; "
        "rounding shifts it by up to 0.01"
    ]


def test_chance_to_pass_is_that_of_missing_every_changed_image() -> None:
    assert chance_to_pass(10, 3, 2) == pytest.approx((8 * 7 * 6) / (10 * 9 * 8))
    assert chance_to_pass(10, 10, 1) == 0
    assert fewest_to_draw(10, 2, chance=0.4) == 4  # 3 miss both with 0.47, 4 with 0.33
    records = pd.DataFrame({"image_id": list("abcdef"), "class_index": [0, 0, 0, 0, 0, 1]})
    # class 1 has one query, which carries half of the mean of two classes
    assert fewest_to_shift(records, "class_mean", 0.5) == 1
    assert fewest_to_shift(records, "query_mean", 0.5) == 3


@pytest.mark.parametrize(
    ("measured", "fault"),
    [
        (("1", "1 2 3 4 5", ""), False),
        (("1", "1 2 3 5 4", ""), True),
        (("1", "2 1 3 4 5", ""), True),
        (("2", "1 2 3 4 5", ""), True),
        (("1", "1 2 3 4 5", "7"), True),
    ],
)
def test_predictions_differ_only_at_logits_that_are_as_high(
    measured: tuple[str, str, str], fault: bool
) -> None:
    columns = ["image_id", "targets", "top5", "positives"]
    given = pd.DataFrame([["a", "1", "1 2 3 4 5", ""]], columns=columns, index=[2])
    anew = pd.DataFrame([["a", *measured]], columns=columns)
    for as_high in (False, True):
        agreement = Agreement()
        compare_predictions("p", given, anew, [], 10, lambda *_, said=as_high: said, agreement)
        assert bool(agreement.faults) is (fault and (measured[0] == "2" or not as_high))
        assert agreement.ties == int(fault and as_high and measured[0] != "2")


def test_logits_tell_which_classes_may_change_places(
    run_folder: Path, tiny_data: Path, tmp_path: Path
) -> None:
    folder = copy_of(run_folder, tmp_path)
    edit(
        folder / "shapes-gmp/predictions.csv",
        lambda rows: rows[3].__setitem__(2, " ".join(rows[3][2].split()[i] for i in (0, 1, 2, 4, 3))),
    )
    assert check(folder).exit_code == 0
    report, _ = remeasured(folder, tiny_data)
    assert "shapes-gmp/predictions.csv, line 4: top5 of 'shapes_val_00000003' are" in str(report.problems[0])
