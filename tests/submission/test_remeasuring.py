"""Measuring again: honest records agree to the last digit, and a dishonest one is found."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from submissions import change_json, copy_of
from tiny_suite import TinySuite

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets import open_dataset
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.submission import check
from raybench.benchmark.submission.agreement import Agreement, compare_predictions, compare_records
from raybench.benchmark.submission.check import Checked
from raybench.benchmark.submission.findings import Findings, Report
from raybench.benchmark.submission.remeasure import remeasure
from raybench.benchmark.suite.protocol import PROTOCOLS
from raybench.benchmark.suite.settings import Remeasuring, Settings

ALL = 12
RECORDS = "shapes-gmp/grad_cam/records.csv"


def remeasured(
    path: Path, data: Path, images: int = ALL, seed: int = 0, **options: Any
) -> tuple[Report, Agreement]:
    agreements: list[Agreement] = []

    def further(checked: Checked, findings: Findings) -> dict[str, object]:
        agreements.append(
            remeasure(checked, Remeasuring(images, seed, {"shapes": data}, **options), findings)
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
    values = {"value": "100.0", "ci_low": "100.0", "ci_high": "100.0"}

    def claim(rows: list[list[str]]) -> None:
        for row in rows[1:]:
            if row[4:7] == ["shapes-gmp", "grad_cam", "pointing_game"]:
                row[8:11] = values.values()

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
    monkeypatch.setattr(sys.modules["raybench.benchmark.submission.remeasure"], "TIE", 0.1)
    report, agreement = remeasured(folder, tiny_data)
    assert report.exit_code == 0, [str(finding) for finding in report.problems]
    assert agreement.ties == 1


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


def frame(**columns: list[Any]) -> pd.DataFrame:
    plain = {
        "image_id": ["a"], "class_index": [1], "class_name": ["cat"], "status": ["ok"], "point_x": [3],
        "point_y": [4], "pointing_game": [100.0], "content_heatmap": [50.0],
    }  # fmt: skip
    return pd.DataFrame({**plain, **columns}, index=[2])


@pytest.mark.parametrize(
    ("change", "draws", "fault"),
    [
        ({"content_heatmap": [50.049]}, None, ""),
        ({"content_heatmap": [50.06]}, None, "content_heatmap of 'a' class 1 is 50; measured anew 50.06"),
        ({"content_heatmap": [52.0]}, 100, ""),
        ({"content_heatmap": [54.0]}, 100, "content_heatmap of 'a' class 1 is 50; measured anew 54"),
        ({"pointing_game": [0.0]}, None, "pointing_game of 'a' class 1 is 100; measured anew 0"),
        ({"status": ["zero"]}, None, "'a' class 1 is 'cat', ok; measured anew cat, zero"),
        ({"class_index": [2]}, None, "'a' class 1 is no query of the data"),
        ({"point_x": [9]}, None, "most salient pixel of 'a' class 1 is (3, 4); measured anew (9, 4)"),
    ],
)
def test_tolerance_is_as_documented(change: dict[str, list[Any]], draws: int | None, fault: str) -> None:
    agreement = Agreement()
    samples = {"pointing_game": None, "content_heatmap": draws}
    compare_records("r", frame(), frame(**change), samples, lambda *_: False, agreement)
    messages = [message for found in agreement.faults.values() for _, message in found]
    assert messages[:1] == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("measured", "fault"),
    [
        (("1", "1 2 3 4 5", ""), False),
        (("1", "1 2 3 5 4", ""), False),
        (("1", "1 2 3 4 6", ""), False),
        (("1", "1 2 3 6 7", ""), True),
        (("1", "2 1 3 4 5", ""), True),
        (("2", "1 2 3 4 5", ""), True),
        (("1", "1 2 3 4 5", "7"), False),
        (("1", "1 2 3 4 5", "7 8"), True),
    ],
)
def test_predictions_may_differ_as_rounding_lets_them(measured: tuple[str, str, str], fault: bool) -> None:
    columns = ["image_id", "targets", "top5", "positives"]
    given = pd.DataFrame([["a", "1", "1 2 3 4 5", ""]], columns=columns, index=[2])
    agreement = Agreement()
    compare_predictions("p", given, pd.DataFrame([["a", *measured]], columns=columns), agreement)
    assert bool(agreement.faults) is fault
