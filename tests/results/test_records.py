"""Rows on disk: half-written lines, half-written images, merging, other columns, a full disk."""

import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from raybench.base.errors import RaybenchError
from raybench.benchmark.results.files.rows import RowStore
from raybench.benchmark.results.files.writing import write_atomically

COLUMNS = ("image_id", "class_index", "value")


def rows_of(image: str, queries: int) -> list[list[str]]:
    return [[image, str(index), f"{len(image)}.{index}"] for index in range(queries)]


def test_merged_bytes_do_not_depend_on_order_ranks_or_resuming(tmp_path: Path) -> None:
    images = [(f"img{number}", 1 + number % 3) for number in range(40)]
    contents = []
    for seed, ranks in [(0, 1), (1, 2), (2, 5)]:
        path = tmp_path / str(seed) / "records.csv"
        shuffled = random.Random(seed).sample(images, len(images))
        for part in (shuffled[:13], shuffled[13:]):  # two runs: the second finds the first one's shards
            for rank in range(ranks):
                with RowStore(path, COLUMNS, rank) as store:
                    for image, queries in part[rank::ranks]:
                        store.append(rows_of(image, queries))
        store = RowStore(path, COLUMNS)
        store.merge()
        store.drop_shards()
        contents.append(path.read_bytes())
        assert [p.name for p in path.parent.iterdir()] == ["records.csv"]
    assert contents[0] == contents[1] == contents[2]
    assert contents[0].startswith(b"image_id,class_index,value\nimg0,0,4.0\nimg1,0,4.0\nimg1,1,4.1\nimg10,")


def test_rows_are_sorted_by_class_index_as_a_number(tmp_path: Path) -> None:
    with RowStore(tmp_path / "records.csv", COLUMNS) as store:
        store.append([["a", "10", "x"], ["a", "9", "y"]])
    store.merge()
    assert (tmp_path / "records.csv").read_text() == "image_id,class_index,value\na,9,y\na,10,x\n"


def test_image_with_a_lost_or_changed_row_or_half_a_line_is_measured_again(tmp_path: Path) -> None:
    path, shard = tmp_path / "records.csv", tmp_path / "records.part-0.csv"
    store = RowStore(path, COLUMNS)
    with store:
        for image, queries in (("a", 1), ("b", 2), ("c", 2), ("d", 1), ("e", 1), ("f", 1)):
            store.append(rows_of(image, queries))
    whole = shard.read_bytes()
    lines = whole.splitlines(keepends=True)
    del lines[2]  # a row of b
    lines[4] = lines[4].replace(b"1.0", b"1.1")  # d
    lines[5] = lines[5][:3] + b"\0\xff" + lines[5][3:]  # e
    shard.write_bytes(b"".join(lines)[:-4])  # f
    assert store.measured() == {"a", "c"}
    with store:
        for image, queries in (("b", 2), ("d", 1), ("e", 1), ("f", 1)):
            store.append(rows_of(image, queries))
    store.merge()
    assert path.read_text().splitlines()[1:] == ["a,0,1.0", "b,0,1.0", "b,1,1.1", "c,0,1.0", "c,1,1.1"] + [
        f"{image},0,1.0" for image in "def"
    ]


def test_ids_with_commas_quotes_and_line_breaks_survive(tmp_path: Path) -> None:
    names = ['a,b "c"', "=cmd()", "ü中", "two\nlines", r"back\nslash"]
    with RowStore(tmp_path / "records.csv", COLUMNS) as store:
        for name in names:
            store.append([[name, "0", "1"]])
    store.merge()
    assert RowStore(tmp_path / "records.csv", COLUMNS).measured() == set(names)


def test_later_run_adds_to_the_merged_file(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    for image in ("b", "a"):
        with RowStore(path, COLUMNS) as store:
            store.append(rows_of(image, 1))
        store.merge()
    assert path.read_text() == "image_id,class_index,value\na,0,1.0\nb,0,1.0\n"


def test_other_columns_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with RowStore(tmp_path / "records.csv", COLUMNS) as store:
        store.append(rows_of("a", 1))
    store.merge()
    with pytest.raises(RaybenchError, match="has columns image_id,class_index,value; .*--fresh"):
        RowStore(tmp_path / "records.csv", (*COLUMNS, "more")).measured()


def test_damaged_merged_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("image_id,class_index,value\na,0,1\nb,0\n")
    with pytest.raises(RaybenchError, match=r"records.csv, line 3: 2 values, expected 3"):
        RowStore(tmp_path / "records.csv", COLUMNS).measured()


def test_full_disk_gets_one_sentence_and_keeps_what_was_written(tmp_path: Path) -> None:
    code = f"""
import resource, signal
from raybench.benchmark.results.files.rows import RowStore
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with RowStore(Path({str(tmp_path)!r}) / "records.csv", ("image_id", "class_index", "value")) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (110, 110))
    for number in range(100):
        store.append([[f"image{{number}}", "0", "1.0"]])
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "RaybenchError: cannot write" in process.stderr
    assert RowStore(tmp_path / "records.csv", COLUMNS).measured() == {"image0", "image1", "image2", "image3"}


def test_atomic_write_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    write_atomically(path, "old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
        with pytest.raises(RaybenchError, match="cannot write"):
            write_atomically(path, "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["summary.csv"]
