"""The fast reader gives what the careful one gives, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raybench.base.errors import RaybenchError
from raybench.benchmark.results.files import folder
from raybench.benchmark.results.files.folder import read_predictions, read_records
from raybench.benchmark.results.files.plain_csv import read_plain, read_plain_records

RECORDS = "image_id,class_index,class_name,status,point_x,point_y,pointing_game,spg\n"
PREDICTIONS = "image_id,targets,top5,positives\n"
TEXT, INTEGERS = ("image_id", "class_name", "status"), ("class_index", "point_x", "point_y")


def records_both_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, object]:
    """Read with and without the fast reader: frames, or the messages of errors."""
    return outcome(path), careful_outcome(path, monkeypatch)


def outcome(path: Path, read: object = read_records) -> object:
    try:
        return read(path)
    except RaybenchError as error:
        return str(error)


def careful_outcome(path: Path, monkeypatch: pytest.MonkeyPatch, read: object = read_records) -> object:
    with monkeypatch.context() as patch:
        patch.setattr(folder, "read_plain", lambda *_: None)
        patch.setattr(folder, "read_plain_records", lambda *_: None)
        return outcome(path, read)


def assert_same(fast: object, careful: object) -> None:
    assert type(fast) is type(careful), (fast, careful)
    if isinstance(fast, pd.DataFrame):
        pd.testing.assert_frame_equal(fast, careful, check_exact=True)
    else:
        assert fast == careful


@pytest.mark.parametrize(
    "lines",
    [
        ["0012,3,n01,ok,4,5,100,12.5", "12,3,n01,ok,4,5,0,0.1"],
        [
            "NA,0,null,zero,0,0,0,1e-3",
            "nan,1,NaN,nan,0,0,0,1E2",
            "None,2,,ok,0,0,0,.5",
            "1e5,1,a b,ok,1,2,0,5.",
        ],
        ["é/ü 漢字,3,\u2028,ok,4,5,100,12.3456789012345678", "a;b\tc,3,#,ok,-4,+5,100,-0.0"],
        [" a ,3, b ,ok,4,5,100,1"],
        [",3,,,4,5,100,1"],
    ],
)
def test_plain_files_are_read_fast_and_alike(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.csv"
    for ending in ("", "\n"):
        path.write_text(RECORDS + "\n".join(lines) + ending, encoding="utf-8")
        assert read_plain_records(path, TEXT, INTEGERS) is not None
        fast, careful = records_both_ways(path, monkeypatch)
        assert isinstance(careful, pd.DataFrame)
        assert_same(fast, careful)
        assert fast["image_id"].tolist() == [line.split(",")[0] for line in lines]


@pytest.mark.parametrize(
    ("content", "reads"),
    [
        (b'"a,b",3,n,ok,4,5,100,1\n', True),
        (b'a"b,3,n,ok,4,5,100,1\n', True),
        (b'"a\nb",3,n,ok,4,5,100,1\n', True),
        (b"a,3,n,ok,4,5,,1\n", True),  # a missing value
        (b"a,3,n,ok,4,5,100,1\r\nb,3,n,ok,4,5,100,1\r\n", True),
        (b"a,3,n,ok,4,5,100,1\n\nb,3,n,ok,4,5,100,1\n", True),
        (b"a,4.0,n,ok,4,5,100,1\n", True),
        (b"a,3,n,ok,9007199254740993,5,100,1\n", False),
        (b"a,3,n,ok,1e100,5,100,1\n", False),
        (b"a,3,n,ok,inf,5,100,1\n", False),
        (b"a,3,n,ok,4e2,5,100,1\n", True),
        (b"a,3,n,ok,4,5,True,1\n", False),
        (b"a,3,n,ok,4,5,100,1\nb,4,n,ok\n", False),  # truncated
        (b"a,3,n,ok,4,5,100,1\nb,4,n,ok,4,5,0,", True),  # truncated where nothing tells
        (b"a,3,n,ok,4,5,100,1\nb,4,n,ok,4,5,0,1,1\n", False),  # an extra value
        (b"a,3,n,ok,4,5,100,1,1\nb,4,n,ok,4,5,0\n", False),  # an extra one here, one too few there
        (b"a,3,n,ok,4,5,100,1\n \n", False),
        (b"a,3.5,n,ok,4,5,100,1\n", False),
        (b"a,3,n,ok,,5,100,1\n", False),
        (b"a,3,n,ok,4,5,inf,1\n", False),
        (b"a,3,n,ok,4,5,1e999,1\n", False),
        (b"a,3,n,ok,4,5,nan,1\n", False),
        (b"a,3,n,ok,4,5,0x10,1\n", False),
        (b"a,3,n,ok,4,5,1_0,1\n", False),
        (b"a,3,n,ok,4,5,\xef\xbc\x91,1\n", False),  # a full-width one
        (b'a,3,n,ok,4,5,100,"1\n', False),
        (b"\xff\xfe,3,n,ok,4,5,100,1\n", False),
        (b"\xed\xa0\x80,3,n,ok,4,5,100,1\n", False),  # half a surrogate pair
        (b"a,3,n,ok,4,5,100," + b"1" * 131_073 + b"\n", False),
        (b"", True),
    ],
)
def test_odd_files_are_read_as_the_careful_reader_does(
    content: bytes, reads: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.csv"
    path.write_bytes(RECORDS.encode() + content)
    fast, careful = records_both_ways(path, monkeypatch)
    assert isinstance(careful, pd.DataFrame) is reads
    assert_same(fast, careful)


@pytest.mark.parametrize(
    "heading",
    [
        "\ufeff" + RECORDS,
        RECORDS.replace("spg", "pointing_game"),
        RECORDS.replace("status,", ""),
        RECORDS.replace("image_id", '"image_id"'),
        RECORDS.replace("spg", "s\0g"),
        "image_id\n",
        "\n",
        "",
    ],
)
def test_odd_headings_are_read_as_the_careful_reader_does(
    heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.csv"
    values = ["a", "3", "n", "ok", "4", "5", "100", "1"][: max(1, heading.count(",") + 1)]
    path.write_text(heading + ",".join(values) + "\n", encoding="utf-8")
    assert_same(*records_both_ways(path, monkeypatch))


def test_file_with_a_nul_is_read_as_the_careful_reader_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.csv"
    path.write_bytes(RECORDS.encode() + b"a\0b,3,n,ok,4,5,100,1\n")
    assert_same(*records_both_ways(path, monkeypatch))


cells = st.text("0123456789.eE+-_ xnaiftrus\u0661", max_size=6)


@settings(deadline=None, max_examples=300)
@given(rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=4))
def test_any_cells_are_read_alike(
    rows: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-cells.csv"
    lines = [f"{name},3,n,ok,{point},5,100,{value}" for name, point, value in rows]
    path.write_text(RECORDS + "\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        assert_same(*records_both_ways(path, patch))


def test_numbers_keep_every_bit(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    numbers = [
        *map(float, generator.random(2000) * 100),
        *map(float, 10.0 ** generator.uniform(-300, 300, 2000)),
    ]
    path = tmp_path / "records.csv"
    path.write_text(RECORDS + "".join(f"a,3,n,ok,4,5,{value!r},{value:.10g}\n" for value in numbers))
    assert read_plain_records(path, TEXT, INTEGERS) is not None
    frame = read_records(path)
    assert frame["pointing_game"].tolist() == numbers
    assert frame["spg"].tolist() == [float(f"{value:.10g}") for value in numbers]


@pytest.mark.parametrize(
    "line", ["0012,3,3 1 2 0 4,", "NA,,,", "a,1 2,1 2 3,1\nb,0", 'a,"1 2",1,1', "a,1,2,3,4", " , , , "]
)
def test_predictions_are_read_alike(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(f"{PREDICTIONS}{line}\n")
    assert_same(outcome(path, read_predictions), careful_outcome(path, monkeypatch, read_predictions))


def test_text_is_indexed_by_line(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(f"{PREDICTIONS}a,1,2,3\nb,4,5,6\n")
    frame = read_plain(path)
    assert frame is not None
    assert frame.index.tolist() == [2, 3]
    assert frame.to_numpy().tolist() == [["a", "1", "2", "3"], ["b", "4", "5", "6"]]


def test_missing_file_and_folder_are_left_to_the_careful_reader(tmp_path: Path) -> None:
    assert read_plain(tmp_path / "nowhere.csv") is None
    assert read_plain(tmp_path) is None
