"""Whether a folder holds what a run measured: what is missing is found, named, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from raybench.base.errors import RaybenchError
from raybench.benchmark.comparison.rows import find_rows
from raybench.benchmark.results.complete import Gap, find_gaps, lost_rows
from raybench.benchmark.results.files.folder import open_results
from raybench.benchmark.results.verification.checking import check_folder
from raybench.benchmark.results.verification.query_sets import QuerySets
from raybench.benchmark.statistics import Facts
from raybench.benchmark.tables import comparison_table

POINTING = Facts(name="pointing", kind="localisation")
ACCURACY = Facts(name="accuracy", kind="classification", aggregates=("image_mean",))
OF_SET = Facts(name="precision", kind="set", aggregates=("whole_set",))
DELETION = Facts(name="deletion", kind="network", curve="pixels deleted")
QUERIES = (("a", 0), ("b", 0), ("b", 3), ("c", 1))


def write(path: Path, queries: tuple[tuple[str, int], ...] = QUERIES) -> Path:
    """Write records or lists of some queries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "records.csv":
        head, rest = "image_id,class_index,class_name,status,point_x,point_y,pointing", ",x,ok,1,2,100"
    else:
        head, rest = "image_id,class_index,precision", ",1 2 3"
    path.write_text("".join(f"{line}\n" for line in (head, *(f"{a},{b}{rest}" for a, b in queries))))
    return path


def write_predictions(path: Path, images: str) -> Path:
    path.write_text("image_id,targets,top5,positives\n" + "".join(f"{image},0,0,0\n" for image in images))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two methods on images a, b (two queries), c; nothing asks about d."""
    for method in ("one", "two"):
        for name in ("records.csv", "statistics.csv", "curves.csv"):
            write(tmp_path / "net" / method / name)
    write_predictions(tmp_path / "net/predictions.csv", "abcd")
    return tmp_path


ROWS = (("net", ""), ("net", "one"), ("net", "two"))
METRICS = (POINTING, ACCURACY, OF_SET, DELETION)


def gaps(out: Path, rows: tuple[tuple[str, str], ...] = ROWS, images: str = "abcd") -> list[Gap]:
    return find_gaps(out, rows, METRICS, list(images), {"d"})


def test_folder_with_every_query_in_every_file_has_no_gap(out: Path) -> None:
    assert gaps(out) == []


def test_images_of_a_wider_selection_do_not_matter(out: Path) -> None:
    write(out / "net/one/records.csv", (*QUERIES, ("e", 2)))
    assert gaps(out) == []
    assert gaps(out, images="ab") == []


@pytest.mark.parametrize("name", ["records.csv", "statistics.csv", "curves.csv"])
def test_file_that_is_gone_lacks_every_image(out: Path, name: str) -> None:
    (out / "net/two" / name).unlink()
    assert gaps(out) == [Gap(out / "net/two" / name, "a", 3)]


def test_image_with_some_of_its_rows_is_found_in_each_file(out: Path) -> None:
    first = write(out / "net/one/records.csv", (("a", 0), ("b", 3), ("c", 1)))
    second = write(out / "net/two/curves.csv", (("a", 0), ("b", 0), ("b", 3)))
    assert gaps(out) == [Gap(first, "b", 1, partial=True), Gap(second, "c", 1)]


def test_image_that_no_file_has_is_missing_in_all(out: Path) -> None:
    found = gaps(out, images="abcdx")
    assert len(found) == 7
    assert {(gap.image_id, gap.images) for gap in found} == {("x", 1)}


def test_predictions_are_asked_of_images_without_queries_too(out: Path) -> None:
    path = write_predictions(out / "net/predictions.csv", "ab")
    assert gaps(out) == [Gap(path, "c", 2)]


def test_methods_without_a_network_have_no_curves(out: Path) -> None:
    write(out / "none/center/records.csv")
    write(out / "none/center/statistics.csv")
    assert gaps(out, (*ROWS, ("none", "center"))) == []


def test_query_that_stands_twice_is_named(out: Path) -> None:
    write(out / "net/one/records.csv", (*QUERIES, ("b", 3)))
    with pytest.raises(
        RaybenchError, match=r"net/one/records.csv: image 'b' with class 3 stands there twice"
    ):
        gaps(out)


def lose(path: Path, line: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    del lines[line]
    path.write_text("".join(lines))


SCORES = {"net": {"grad_cam": 50.0, "gradient": 40.0}}


def test_table_names_the_file_and_the_first_image_that_is_lost(make_run) -> None:
    folder = make_run("run", SCORES)
    assert lost_rows(open_results(folder)) == []
    lose(folder / "net/gradient/records.csv", 4)  # below the heading come 000, 001, 002, 003
    (note,) = lost_rows(open_results(folder))
    assert note.startswith("net/gradient/records.csv holds 11 of the 12 rows")
    assert "the first of image '003'" in note
    assert note in comparison_table([folder]).notes


def test_comparison_refuses_the_row_that_lost_some_and_no_other(make_run) -> None:
    folder = make_run("run", SCORES)
    lose(folder / "net/gradient/records.csv", 4)
    with pytest.raises(RaybenchError, match=r"net/gradient/records.csv holds 11 of .* of image '003'"):
        find_rows(folder / "net")
    assert len(find_rows(folder / "net/grad_cam")) == 1


def test_board_leaves_out_the_row_that_lost_some_and_names_the_image(make_run) -> None:
    folder = make_run("run", SCORES, status="complete", weights_sha256={"net": "0" * 64})
    lose(folder / "net/gradient/records.csv", 4)
    checked, (excluded,) = check_folder(folder, QuerySets())
    assert checked is not None
    assert [row.attribution for row in checked.rows] == ["grad_cam"]
    assert excluded.reason.endswith("it was cut short: image '003' is missing")


def test_file_that_is_gone_lacks_all_rows(make_run) -> None:
    folder = make_run("run", SCORES)
    (folder / "net/gradient/records.csv").unlink()
    (note,) = lost_rows(open_results(folder))
    assert note.startswith("net/gradient/records.csv holds 0 of the 12 rows")
    assert "the first of image '000'" in note


def test_lost_prediction_is_counted(make_run) -> None:
    folder = make_run("run", SCORES)
    lose(folder / "net/predictions.csv", 1)
    (note,) = lost_rows(open_results(folder))
    assert note.startswith("net/predictions.csv holds 11 of the 12 rows")


def test_last_line_without_an_end_is_no_loss(make_run) -> None:
    folder = make_run("run", SCORES)
    path = folder / "net/gradient/records.csv"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert lost_rows(open_results(folder)) == []


def test_summary_that_was_passed_on_without_records_is_whole(make_run) -> None:
    folder = make_run("published", SCORES)
    for path in folder.glob("*/**/*.csv"):
        path.unlink()
    assert lost_rows(open_results(folder)) == []
