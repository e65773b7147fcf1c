"""Whatever single value of a submission is edited, the check finds it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from submissions import copy_of, members_of, repacked

from raybench.benchmark.submission import check

FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@FEW
@given(data=st.data())
def test_any_single_changed_byte_of_a_file_is_found(
    bundle: Path, tmp_path: Path, data: st.DataObject
) -> None:
    members = members_of(bundle)
    name = data.draw(st.sampled_from(sorted(members)))
    content = bytearray(members[name])
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    report = check(repacked(bundle, tmp_path / "edited.zip", {name: bytes(content)}))
    # the blank between two words of bundle.json may be another blank
    same = name == "bundle.json" and bytes(content).split() == members[name].split()
    assert report.exit_code == 1 or same
    assert same or any(finding.file in (name, "bundle.json") for finding in report.problems)


@FEW
@given(data=st.data())
def test_any_metric_that_is_edited_is_found_without_any_hash(
    run_folder: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = copy_of(run_folder, tmp_path_factory.mktemp("edited"))
    path = data.draw(st.sampled_from(sorted(folder.rglob("records.csv"))))
    rows = list(csv.reader(io.StringIO(path.read_text())))
    line = data.draw(st.integers(1, len(rows) - 1))
    column = data.draw(st.integers(6, 8))
    value = data.draw(st.floats(0, 100).map(lambda number: format(number, ".10g")))
    if abs(float(value) - float(rows[line][column])) < 1e-5:
        return  # below what a mean over twelve queries shows
    rows[line][column] = value
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())
    said = [str(finding) for finding in check(folder).problems]
    name = path.relative_to(folder).as_posix()
    assert any(name in message for message in said), (line, column, value)


@FEW
@given(data=st.data())
def test_any_number_of_the_summary_that_is_edited_is_found(
    run_folder: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = copy_of(run_folder, tmp_path_factory.mktemp("edited"))
    path = folder / "summary.csv"
    rows = list(csv.reader(io.StringIO(path.read_text())))
    line = data.draw(st.integers(1, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    value = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30))
    if value == rows[line][column]:
        return
    rows[line][column] = value
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_bytes(text.getvalue().encode())
    assert any(finding.file == "summary.csv" for finding in check(folder).problems), (line, column, value)
