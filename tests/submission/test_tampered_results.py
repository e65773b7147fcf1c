"""Results that were changed by hand: each change is named, with its file, its line and what was expected."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from submissions import change_json, change_text, copy_of, members_of, repacked

from raybench.benchmark.submission import check

RECORDS = "shapes-gmp/gradient/records.csv"
PREDICTIONS = "shapes-gmp/predictions.csv"


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text())))


def write_rows(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue())


def in_row(name: str, column: str, value: str, line: int = 4) -> Callable[[Path], None]:
    """Set one value of a CSV file."""

    def change(folder: Path) -> None:
        rows = rows_of(folder / name)
        rows[line - 1][rows[0].index(column)] = value
        write_rows(folder / name, rows)

    return change


def lines(name: str, change: Callable[[list[list[str]]], Any]) -> Callable[[Path], None]:
    """Change the list of rows, headed by the columns."""

    def changed(folder: Path) -> None:
        rows = rows_of(folder / name)
        change(rows)
        write_rows(folder / name, rows)

    return changed


def manifest(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Change run.json."""
    return lambda folder: change_json(folder / "run.json", change)


def raw(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Change the bytes of a file."""
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def swap_values(folder: Path) -> None:
    """Exchange the values of two rows of the summary."""
    rows = rows_of(folder / "summary.csv")
    value = rows[0].index("value")
    rows[2][value], rows[9][value] = rows[9][value], rows[2][value]
    write_rows(folder / "summary.csv", rows)


def copy_rows(folder: Path) -> None:
    """Hand in the records of one checkpoint as those of another, with a summary that fits."""
    (folder / RECORDS).write_bytes((folder / "shapes-baseline/gradient/records.csv").read_bytes())


def swap_columns(rows: list[list[str]]) -> None:
    for row in rows:
        row[6], row[7] = row[7], row[6]


def link_outside(folder: Path) -> None:
    outside = folder.parent / "outside.csv"
    outside.write_bytes((folder / RECORDS).read_bytes())
    (folder / RECORDS).unlink()
    (folder / RECORDS).symlink_to(outside)


TAMPERED: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "a hit": (
        lines(RECORDS, lambda rows: rows[1].__setitem__(6, "0" if rows[1][6] == "100" else "100")),
        ["summary.csv, line", "value of shapes-gmp/gradient, pointing_game (class_mean)", f"{RECORDS} gives"],
    ),
    "half a hit": (
        in_row(RECORDS, "pointing_game", "50"),
        [f"{RECORDS}, line 4: pointing_game is '50'; expected 0"],
    ),
    "a digit": (
        lines(RECORDS, lambda rows: rows[1].__setitem__(8, f"{float(rows[1][8]) / 2:.10g}")),
        ["summary.csv, line", "value of shapes-gmp/gradient, content_heatmap (query_mean) is"],
    ),
    "above 100": (
        in_row(RECORDS, "stochastic_pointing_game", "100.5"),
        [f"{RECORDS}, line 4: stochastic_pointing_game is '100.5'; expected 0 to 100"],
    ),
    "below 0": (
        in_row(RECORDS, "content_heatmap", "-3"),
        ["line 4: content_heatmap is '-3'; expected 0 to 100"],
    ),
    "CH above SPG": (
        lambda folder: [
            in_row(RECORDS, "content_heatmap", "99.5")(folder),
            in_row(RECORDS, "stochastic_pointing_game", "12.25")(folder),
        ],
        [f"{RECORDS}, line 4: content_heatmap 99.5 lies above stochastic_pointing_game 12.25"],
    ),
    "hit without saliency": (
        lambda folder: [
            in_row(RECORDS, name, value)(folder)
            for name, value in (
                ("pointing_game", "100"),
                ("stochastic_pointing_game", "0"),
                ("content_heatmap", "0"),
            )
        ],
        [f"{RECORDS}, line 4: pointing_game 100 contradicts stochastic_pointing_game 0"],
    ),
    "NaN": (
        in_row(RECORDS, "content_heatmap", "nan"),
        ["line 4: content_heatmap is 'nan', not a number"],
    ),
    "inf": (
        in_row(RECORDS, "content_heatmap", "inf"),
        ["line 4: content_heatmap is 'inf', not a number"],
    ),
    "empty value": (
        in_row(RECORDS, "content_heatmap", ""),
        ["line 4: content_heatmap is ''; expected a number"],
    ),
    "other spelling": (
        in_row(RECORDS, "pointing_game", "1e2"),
        ["line 4: pointing_game is '1e2'; expected a number as raybench writes it"],
    ),
    "hexadecimal index": (
        in_row(RECORDS, "class_index", "0x5"),
        ["line 4: class_index is '0x5', not a number"],
    ),
    "leading zero": (in_row(RECORDS, "point_x", "01"), ["line 4: point_x is '01'; expected a whole number"]),
    "other status": (
        in_row(RECORDS, "status", "fine"),
        ["line 4: status is 'fine'; expected one of ok, zero"],
    ),
    "degenerate point": (
        in_row("none/uniform/records.csv", "point_x", "7"),
        ["none/uniform/records.csv, line 4: point is (7, 0); expected (0, 0), since the map is constant"],
    ),
    "degenerate values": (
        lambda folder: [
            in_row(RECORDS, name, value)(folder)
            for name, value in (
                ("status", "zero"),
                ("point_x", "0"),
                ("point_y", "0"),
                ("content_heatmap", "1.5"),
            )
        ],
        ["none/uniform/records.csv, line 4: a degenerate map of"],
    ),
    "point outside": (
        in_row(RECORDS, "point_x", "5000"),
        [f"{RECORDS}, line 4: point_x is 5000; the image has"],
    ),
    "other class name": (
        in_row(RECORDS, "class_name", "cat"),
        [f"{RECORDS}, line 4: class_name is 'cat'; expected"],
    ),
    "class beyond the list": (
        in_row(RECORDS, "class_index", "12"),
        ["line 4: class_index is 12; expected below 12"],
    ),
    "row dropped": (
        lines(RECORDS, lambda rows: rows.pop(5)),
        [
            f"{RECORDS}: lacks 1 queries that",
            f"{RECORDS}: 11 images; expected 12",
            "n of shapes-gmp/gradient",
        ],
    ),
    "row doubled": (
        lines(RECORDS, lambda rows: rows.insert(5, rows[4])),
        [
            f"{RECORDS}, line 6: image 'shapes_val_00000004', class",
            "is there twice; expected each query once",
        ],
    ),
    "rows out of order": (
        lines(RECORDS, lambda rows: rows.append(rows.pop(3))),
        [f"{RECORDS}, line 13: rows are not in ascending order of image id"],
    ),
    "image renamed": (
        in_row(RECORDS, "image_id", "shapes_val_00000003b"),
        [f"{RECORDS}: has 1 queries", f"{RECORDS}: lacks 1 queries"],
    ),
    "HTML in an image id": (
        in_row(RECORDS, "image_id", "<script>alert(1)</script>"),
        [f"{RECORDS}, line 4: image_id is '<script>alert(1)</script>'; expected 1 to 255 characters without"],
    ),
    "huge field": (
        in_row(RECORDS, "image_id", "x" * 200_000),
        [f"{RECORDS}, line 4: not valid CSV: field larger"],
    ),
    "long field": (
        in_row(RECORDS, "image_id", "x" * 5_000),
        [f"{RECORDS}, line 4: image_id is 'xxx", "expected 1 to 255 characters"],
    ),
    "columns swapped": (
        lines(RECORDS, swap_columns),
        [f"{RECORDS}, line 1: columns are 'image_id,class_index,class_name,status,point_x,point_y,st"],
    ),
    "column more": (
        lines(RECORDS, lambda rows: [row.append("1") for row in rows]),
        [f"{RECORDS}, line 1: columns are", "expected image_id,class_index"],
    ),
    "value more": (
        lines(RECORDS, lambda rows: rows[6].append("1")),
        [f"{RECORDS}, line 7: 10 values, expected 9"],
    ),
    "cut short": (raw(RECORDS, lambda data: data[:-20]), [f"{RECORDS}, line 13: the last line has no end"]),
    "not UTF-8": (
        raw(RECORDS, lambda data: data.replace(b"ok", b"\xff\xfe", 1)),
        [f"{RECORDS}, line 2: not UTF-8"],
    ),
    "NUL": (
        raw(RECORDS, lambda data: data.replace(b"ok", b"o\0", 1)),
        [f"{RECORDS}: it holds carriage returns or NUL"],
    ),
    "no records": (lambda folder: (folder / RECORDS).unlink(), [f"{RECORDS}: the file is missing"]),
    "link": (link_outside, [f"{RECORDS}: it is a link that leads out of its folder; not followed"]),
    "too many records": (
        lambda folder: (
            (folder / "shapes-gmp/more").mkdir()
            or (folder / "shapes-gmp/more/records.csv").write_bytes((folder / RECORDS).read_bytes())
        ),
        ["shapes-gmp/more/records.csv: run.json names no such row"],
    ),
    "a copy": (
        copy_rows,
        [f"{RECORDS}: all values equal those of shapes-baseline/gradient/records.csv", "a copy?"],
    ),
    "oracle below 100": (
        in_row("none/box_oracle/records.csv", "content_heatmap", "99"),
        ["none/box_oracle/records.csv, line 4: content_heatmap is '99'; expected 100 for the ground truth"],
    ),
    "half a centre": (
        in_row("none/center/records.csv", "stochastic_pointing_game", "50"),
        ["none/center/records.csv, line 4: stochastic_pointing_game is '50'; expected 0 or 100 for a"],
    ),
    "summary swapped": (swap_values, ["summary.csv, line 3: value of", "summary.csv, line 10: value of"]),
    "interval narrowed": (
        in_row("summary.csv", "ci_low", "50.0"),
        ["summary.csv, line 4: ci_low of shapes-baseline"],
    ),
    "degenerate hidden": (
        lines("summary.csv", lambda rows: [row.__setitem__(-1, "0") for row in rows if row[5] == "uniform"]),
        ["degenerate of none/uniform, pointing_game (class_mean) is '0'; none/uniform/records.csv gives 12"],
    ),
    "summary row dropped": (
        lines("summary.csv", lambda rows: rows.pop(2)),
        ["summary.csv: no row for shapes-baseline/grad_cam, pointing_game (class_mean), though"],
    ),
    "summary row doubled": (
        lines("summary.csv", lambda rows: rows.append(rows[-1])),
        ["none/box_oracle, content_heatmap (query_mean) is there twice"],
    ),
    "summary row invented": (
        lines("summary.csv", lambda rows: rows.append([*rows[-1][:4], "resnet999", *rows[-1][5:]])),
        ["resnet999/box_oracle, content_heatmap (query_mean): there are no such records"],
    ),
    "summary of another protocol": (
        in_row("summary.csv", "protocol_id", "70b0ca13dc37"),
        ["summary.csv, line 4: protocol_id is '70b0ca13dc37'; expected"],
    ),
    "value as text": (
        in_row("summary.csv", "value", "high"),
        ["summary.csv, line 4: value is 'high', not a number"],
    ),
    "targets": (
        lines(PREDICTIONS, lambda rows: rows[3].__setitem__(1, str((int(rows[3][1]) + 1) % 12))),
        [f"{PREDICTIONS}, line 4: targets of 'shapes_val_00000003' are"],
    ),
    "top five": (
        in_row(PREDICTIONS, "top5", "1 1 2 3 4"),
        [f"{PREDICTIONS}, line 4: top5 is '1 1 2 3 4'; expected 5 different classes below 12"],
    ),
    "accuracy": (
        lines(
            PREDICTIONS,
            lambda rows: [
                row.__setitem__(
                    2, row[1] + " " + " ".join(str(index) for index in range(12) if str(index) != row[1])[:7]
                )
                for row in rows[1:]
            ],
        ),
        ["summary.csv", "value of shapes-gmp, top1_accuracy (image_mean)", f"{PREDICTIONS} gives 100.0"],
    ),
    "class indices as text": (
        in_row(PREDICTIONS, "top5", "1;2"),
        [f"{PREDICTIONS}, line 4: top5 is '1;2'; expected"],
    ),
    "prediction dropped": (
        lines(PREDICTIONS, lambda rows: rows.pop(2)),
        [f"{PREDICTIONS}: 11 images; expected 12", f"{PREDICTIONS}: lacks 1 images that records have"],
    ),
    "image excused": (
        manifest(
            lambda content: content["skipped"].append({"image_id": "shapes_val_00000002", "reason": "bad"})
        ),
        [
            f"{RECORDS}: 12 images; expected 11",
            "has rows of images that run.json excuses: 'shapes_val_00000002'",
        ],
    ),
    "protocol field": (
        manifest(lambda content: content["protocol"]["fields"].update(tolerance_px=15)),
        ["run.json: protocol.id is", "but its fields hash to"],
    ),
    "protocol version": (
        manifest(lambda content: content["protocol"]["fields"].update(version=2)),
        ["run.json: protocol.fields are of 'aaai21-clamped' version '2'; expected 'aaai21-clamped'"],
    ),
    "unknown protocol": (
        manifest(lambda content: content["protocol"].update(name="aaai22")),
        ["run.json: unknown protocol 'aaai22'; did you mean"],
    ),
    "protocol field of a wrong type": (
        manifest(lambda content: content["protocol"]["fields"].update(short_side="big")),
        ["run.json: protocol field", "short_side"],
    ),
    "other images": (
        manifest(lambda content: content["dataset"].update(images=300)),
        [f"{RECORDS}: 12 images; expected 300"],
    ),
    "known fingerprint": (
        manifest(
            lambda content: content["dataset"].update(
                fingerprint="832e8d7b87ca6c213705b90a94f83426fa516c881315fe8d9e975cb97131cf3f"
            )
        ),
        [
            "dataset.images is '12'; expected 300, since the fingerprint is that of 300 generated pictures",
            "queries are not those of 300 generated pictures",
        ],
    ),
    "broken fingerprint": (
        manifest(lambda content: content["dataset"].update(fingerprint="abc")),
        [
            "run.json: dataset.fingerprint is 'abc': string should match pattern",
            "other files were not checked",
        ],
    ),
    "other weights": (
        manifest(lambda content: content["weights_sha256"].update({"shapes-gmp": "0" * 64})),
        ["run.json: weights_sha256.shapes-gmp is 000000000000…; its shipped card says 8b45ef955f61…"],
    ),
    "no weights": (
        manifest(lambda content: content["weights_sha256"].pop("shapes-gmp")),
        ["run.json: weights_sha256 has no entry for checkpoint 'shapes-gmp'"],
    ),
    "other network under a shipped name": (
        manifest(lambda content: content["checkpoints"][0].update(pooling="max")),
        ["run.json: checkpoints: pooling of shapes-baseline is 'max'; expected 'avg'"],
    ),
    "other intervals": (
        manifest(lambda content: content.update(intervals="bootstrap")),
        ["run.json: its intervals are of an older kind ('bootstrap')"],
    ),
    "unknown metric": (
        manifest(lambda content: content["metrics"].update(pointing_gane={})),
        ["run.json: metrics: unknown metric", "did you mean"],
    ),
    "direction of a metric": (
        manifest(
            lambda content: content["facts"]["metrics"]["content_heatmap"].update(higher_is_better=False)
        ),
        ["run.json: facts: higher_is_better of metric content_heatmap is 'False'; expected 'True'"],
    ),
    "unknown option": (
        manifest(lambda content: content["attributions"][0].update(options={"evil": 1})),
        ["run.json: attributions: attribution", "has no option"],
    ),
    "method under another's name": (
        manifest(lambda content: content["attributions"][0].update(method="gradient")),
        ["run.json: method 'gradient' is labelled 'grad_cam', the name of another method"],
    ),
    "HTML in a name": (
        manifest(lambda content: content["checkpoints"][0].update(name="<script>")),
        ["run.json: checkpoints.0.name is '<script>': expected up to 80 letters"],
    ),
    "HTML in a text": (
        manifest(lambda content: content["checkpoints"][0].update(source="<img src=x onerror=alert(1)>")),
        ["run.json: checkpoints.0.source is '<img src=x onerror=alert(1)>': it holds markup"],
    ),
    "name that leads outside": (
        manifest(lambda content: content["checkpoints"][0].update(name="../../etc")),
        ["run.json: checkpoints.0.name is '../../etc': expected up to 80 letters"],
    ),
    "infinity in JSON": (
        lambda folder: change_text(folder / "run.json", '"seed": 0', '"seed": Infinity'),
        ["run.json: not valid JSON: infinity is no number"],
    ),
    "key twice in JSON": (
        lambda folder: change_text(folder / "run.json", '"seed": 0', '"seed": 0, "seed": 1'),
        ["run.json: not valid JSON: key 'seed' appears twice"],
    ),
    "deep JSON": (raw("run.json", lambda data: b"[" * 100_000), ["run.json: not valid JSON"]),
    "manifest missing": (lambda folder: (folder / "run.json").unlink(), ["run.json: the file is missing"]),
    "manifest of another shape": (
        manifest(lambda content: [content.update(seed="0", metrics=[]), content.pop("limit")]),
        [
            "run.json: seed is '0'",
            "run.json: metrics: input should be",
            "run.json: limit",
            "other files were not",
        ],
    ),
}


@pytest.mark.parametrize("fault", TAMPERED)
def test_change_is_named(run_folder: Path, tmp_path: Path, fault: str) -> None:
    tamper, expected = TAMPERED[fault]
    folder = copy_of(run_folder, tmp_path)
    tamper(folder)
    report = check(folder)
    said = "\n".join(map(str, report.problems))
    assert report.exit_code == 1
    for message in expected:
        assert message in said


def test_every_problem_is_listed_not_the_first_alone(run_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(run_folder, tmp_path)
    faults = (
        "half a hit",
        "columns swapped",
        "degenerate point",
        "summary of another protocol",
        "other weights",
    )
    for fault in ("degenerate point", "summary of another protocol", "other weights"):
        TAMPERED[fault][0](folder)
    lines("shapes-baseline/grad_cam/records.csv", swap_columns)(folder)
    in_row(RECORDS, "pointing_game", "50")(folder)
    said = "\n".join(map(str, check(folder).problems)).replace(
        "shapes-baseline/grad_cam/", "shapes-gmp/gradient/"
    )
    for fault in faults:
        assert TAMPERED[fault][1][0] in said


def test_many_lines_with_one_fault_are_counted(run_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(run_folder, tmp_path)
    lines(RECORDS, lambda rows: [row.__setitem__(6, "50") for row in rows[1:]])(folder)
    said = [str(finding) for finding in check(folder).problems if "pointing_game is '50'" in str(finding)]
    assert len(said) == 10
    assert f"{RECORDS}: 2 more lines have this fault: 12, 13" in map(str, check(folder).problems)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (RECORDS, lambda data: data.replace(b"ok", b"nan", 1), f"{RECORDS}: sha256 is "),
        ("summary.csv", lambda data: data + b"\n", "summary.csv: bytes is "),
        (
            "cards/shapes-gmp.yaml",
            lambda data: data.replace(b"max", b"avg"),
            "cards/shapes-gmp.yaml: sha256 is",
        ),
        ("bundle.json", lambda data: b"{}", "bundle.json: it names no files"),
        (
            "bundle.json",
            lambda data: data.replace(b'version": 1', b'version": 2'),
            "version '2'; expected 'raybench-bundle'",
        ),
    ],
)
def test_file_of_a_bundle_that_was_changed_is_named(
    bundle: Path, tmp_path: Path, name: str, change: Callable[[bytes], bytes], message: str
) -> None:
    changed = repacked(bundle, tmp_path / "changed.zip", {name: change(members_of(bundle)[name])})
    assert message in "\n".join(map(str, check(changed).problems))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cards/shapes-gmp.yaml": None}, "cards/shapes-gmp.yaml: the file is missing"),
        ({"cards/other.yaml": b"name: other\n"}, "cards/other.yaml: run.json names no such checkpoint"),
        ({"cards/shapes-gmp.yaml": b"name: [\n"}, "cards/shapes-gmp.yaml, line 2: not valid YAML"),
        ({"cards/shapes-gmp.yaml": b"!!python/object/apply:os.system [id]\n"}, "cards/shapes-gmp.yaml"),
        (
            {"cards/shapes-gmp.yaml": b"name: shapes-gmp\n"},
            "cards/shapes-gmp.yaml: key 'architecture' is missing",
        ),
    ],
)
def test_card_of_a_bundle_that_does_not_fit_is_named(
    bundle: Path, tmp_path: Path, changes: dict[str, bytes | None], message: str
) -> None:
    changed = repacked(bundle, tmp_path / "changed.zip", changes, fix_hashes=True)
    report = check(changed)
    assert report.exit_code == 1
    assert message in "\n".join(map(str, report.problems))


def test_card_that_says_other_than_the_manifest_is_named(bundle: Path, tmp_path: Path) -> None:
    card = members_of(bundle)["cards/shapes-gmp.yaml"].replace(b'"max"', b'"avg"')
    changed = repacked(bundle, tmp_path / "changed.zip", {"cards/shapes-gmp.yaml": card}, fix_hashes=True)
    said = "\n".join(map(str, check(changed).problems))
    assert "cards/shapes-gmp.yaml: pooling is 'avg'; run.json says 'max'" in said


def test_file_that_bundle_json_does_not_name_is_named(bundle: Path, tmp_path: Path) -> None:
    stated = json.loads(members_of(bundle)["bundle.json"])
    stated["files"].pop(RECORDS)
    stated["files"]["../../evil"] = {"sha256": "0" * 64, "bytes": 1}
    changed = repacked(bundle, tmp_path / "changed.zip", {"bundle.json": json.dumps(stated).encode()})
    said = "\n".join(map(str, check(changed).problems))
    assert f"{RECORDS}: the file is not named in bundle.json" in said
    assert "'../../evil': the file is missing, though bundle.json names it" in said
