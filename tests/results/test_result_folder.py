"""Reading result files: exact text, and the line of any damage."""

from __future__ import annotations

import pytest

from raybench.base.errors import RaybenchError
from raybench.benchmark.results.files.folder import (
    SUMMARY_COLUMNS,
    open_results,
    read_manifest,
    read_predictions,
    read_records,
    read_summary,
)
from raybench.benchmark.results.files.names import safe_name

HEADING = ",".join(SUMMARY_COLUMNS)
ROW = "s,aaai21,id,imagenet,net,grad_cam,pointing_game,class_mean,50.25,40,60,12,3,0"
RECORDS = "image_id,class_index,class_name,status,point_x,point_y,pointing_game"


def test_summary_row_is_read_with_missing_values_as_nan(tmp_path):
    path = tmp_path / "summary.csv"
    path.write_text(f"{HEADING}\n{ROW}\ns,aaai21,id,imagenet,net,,top1_accuracy,image_mean,,,,12,3,0\n")
    frame = read_summary(path)
    assert frame["value"].tolist()[0] == 50.25
    assert frame[["value", "ci_low"]].isna().all(axis=1).tolist() == [False, True]
    assert frame["attribution"].tolist() == ["grad_cam", ""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column suite"),
        (HEADING.replace("ci_low,", "") + "\n", "line 1: no column ci_low"),
        (f"{HEADING},value\n", "line 1: a column appears twice"),
        (f"{HEADING}\n{ROW}\n{ROW.replace('50.25', 'high')}\n", "line 3: value is 'high', not a number"),
        (f"{HEADING}\n{ROW.replace('50.25', 'inf')}\n", "line 2: value is 'inf', not a number"),
        (f"{HEADING}\n{ROW.replace('50.25', 'nan')}\n", "line 2: value is 'nan', not a number"),
        (f"{HEADING}\n{ROW}\n{ROW},1\n", "line 3: 15 values, expected 14"),
        (f"{HEADING}\ns,aaai21,id\n", "line 2: 3 values, expected 14"),
        (f'{HEADING}\n{ROW}\n"{ROW}\n', "line 3: not valid CSV"),
    ],
)
def test_damaged_summary_names_file_and_line(tmp_path, text, message):
    path = tmp_path / "summary.csv"
    path.write_text(text)
    with pytest.raises(RaybenchError, match=f"summary.csv, {message}"):
        read_summary(path)


def test_summary_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "summary.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RaybenchError, match=r"cannot read .*summary.csv"):
        read_summary(path)


def test_ids_that_look_like_numbers_or_missing_values_stay_text(tmp_path):
    path = tmp_path / "records.csv"
    rows = ["0012,3,NA,nan,4,5,100", "NA,0,null,zero,0,0,0", "1e5,1,a b,ok,1,2,0"]
    path.write_text("\n".join([RECORDS, *rows]) + "\n")
    frame = read_records(path)
    assert frame["image_id"].tolist() == ["0012", "NA", "1e5"]
    assert frame["status"].tolist() == ["nan", "zero", "ok"]
    assert frame["class_name"].tolist() == ["NA", "null", "a b"]
    assert frame["point_x"].tolist() == [4, 0, 1]


@pytest.mark.parametrize(
    ("row", "message"),
    [("a,1.5,x,ok,0,0,1", "class_index is not an integer"), ("a,1,x,ok,,0,1", "point_x is not an integer")],
)
def test_record_without_integers_names_the_line(tmp_path, row, message):
    path = tmp_path / "records.csv"
    path.write_text(f"{RECORDS}\nb,1,x,ok,0,0,1\n{row}\n")
    with pytest.raises(RaybenchError, match=f"line 3: {message}"):
        read_records(path)


def test_missing_records_say_how_to_get_them(tmp_path):
    with pytest.raises(RaybenchError, match=r"predictions.csv is missing; measure it with `raybench run`"):
        read_predictions(tmp_path / "predictions.csv")


def test_folder_without_summary_says_to_measure_first(tmp_path):
    with pytest.raises(
        RaybenchError, match="has no summary.csv; measure first with `raybench run SUITE --out"
    ):
        open_results(tmp_path)
    with pytest.raises(RaybenchError, match="no folder .*nowhere"):
        open_results(tmp_path / "nowhere")


def test_damaged_manifest_names_the_line(tmp_path):
    path = tmp_path / "run.json"
    assert read_manifest(path) == {}
    path.write_text('{\n "suite": \n')
    with pytest.raises(RaybenchError, match="run.json, line 3: not valid JSON"):
        read_manifest(path)
    path.write_text("[]")
    with pytest.raises(RaybenchError, match="expected a JSON object, not a list"):
        read_manifest(path)


def test_a_manifest_of_another_shape_reads_as_no_facts(make_run):
    folder = make_run()
    (folder / "run.json").write_text('{"checkpoints": "net", "attributions": [7], "protocol": 3}')
    results = open_results(folder)
    assert results.protocol_fields == {}
    assert results.checkpoints == {}
    assert results.attributions == {}


@pytest.mark.parametrize("name", ["ILSVRC2012_val_00000001", "COCO-1.a+b", "a" * 80])
def test_harmless_names_are_kept(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", ".", "", "a/b", "é", "a b", ".hidden", "a" * 81, "a\0b"]
)
def test_harmful_names_become_one_plain_file_name(name, tmp_path):
    plain = safe_name(name)
    assert plain != name
    assert (tmp_path / plain).resolve().parent == tmp_path.resolve()
    assert plain.isascii()
    assert len(plain) < 100


def test_different_names_stay_different():
    names = ["a/b", "a_b", "a\\b", "a b", "a:b", "é", "è", "x" * 81, "x" * 82]
    assert len({safe_name(name) for name in names}) == len(names)
