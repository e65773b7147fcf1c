"""What an honest submitter meets: a bundle that is right, whole, the same each time, and not private."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from submissions import change_json, copy_of, members_of
from tiny_suite import TinySuite

from raybench.base.errors import RaybenchError
from raybench.benchmark.results.files.folder import open_results
from raybench.benchmark.results.files.manifest import Manifest
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.submission import check, collect_all, extract_bundle, submit
from raybench.benchmark.submission.submitting import public_manifest
from raybench.benchmark.suite.settings import Settings
from raybench.checkpoints import find_card


def test_folder_and_bundle_of_a_run_are_right(run_folder: Path, bundle: Path) -> None:
    for path in (run_folder, bundle):
        report = check(path)
        assert report.exit_code == 0, [str(finding) for finding in report.findings]
        assert report.facts["rows"] == 2 * 2 + 4
        assert report.facts["records"] == 8 * 12


def test_same_folder_gives_the_same_bytes(run_folder: Path, bundle: Path, tmp_path: Path) -> None:
    submit(copy_of(run_folder, tmp_path), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_bundle_holds_results_and_nothing_else(run_folder: Path, bundle: Path) -> None:
    members = members_of(bundle)
    rows = [
        f"{name}/{method}"
        for name in ("shapes-baseline", "shapes-gmp")
        for method in ("grad_cam", "gradient")
    ]
    rows += [f"none/{method}" for method in ("box_oracle", "center", "random", "uniform")]
    assert sorted(members) == sorted(
        [
            "bundle.json",
            "run.json",
            "summary.csv",
            "cards/shapes-baseline.yaml",
            "cards/shapes-gmp.yaml",
            "shapes-baseline/predictions.csv",
            "shapes-gmp/predictions.csv",
            *(f"{row}/records.csv" for row in rows),
        ]
    )
    for name in ("summary.csv", "none/random/records.csv"):
        assert members[name] == (run_folder / name).read_bytes()
    card = yaml.safe_load(members["cards/shapes-gmp.yaml"])
    shipped = find_card("shapes-gmp")
    assert (card["architecture"], card["pooling"]) == (shipped.architecture, "max")
    assert card["weights"] == [{"sha256": shipped.weights[0].sha256}]


def test_opened_bundle_reads_like_the_folder(run_folder: Path, bundle: Path, tmp_path: Path) -> None:
    opened, original = open_results(extract_bundle(bundle, tmp_path / "mine")), open_results(run_folder)
    pd.testing.assert_frame_equal(opened.summary, original.summary)
    row = ("shapes-gmp", "gradient")
    pd.testing.assert_frame_equal(opened.records(*row), original.records(*row))
    assert opened.checkpoints == original.checkpoints
    assert opened.protocol_fields == original.protocol_fields
    with pytest.raises(RaybenchError, match="is not empty"):
        extract_bundle(bundle, tmp_path / "mine")


def test_board_of_bundles_and_folders_names_them_as_they_were_given(
    run_folder: Path, bundle: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(bundle.read_bytes()[:-9])
    board = collect_all([bundle, damaged, run_folder, bundle], tmp_path / "into")
    assert sum(len(section.rows) for section in board.sections) == 8
    repeated, refused = board.excluded[:-1], board.excluded[-1]
    assert len(repeated) == 2 * 8
    assert {one.path for one in repeated} <= {bundle, run_folder}
    assert refused.path == damaged
    assert "is no whole zip file" in refused.reason


def test_own_checkpoints_are_submitted_by_hash(tiny: TinySuite) -> None:
    out, path = tiny.folder / "out", tiny.folder / "mine.zip"
    evaluate(tiny.suite, Settings(data={"shapes": tiny.data}, out=out, workers=0))
    card = yaml.safe_load((tiny.folder / "first.yaml").read_text())
    card["weights"] = {"url": "https://example.org/first.safetensors"}
    (tiny.folder / "public.yaml").write_text(yaml.safe_dump(card))
    report = submit(out, path, cards=[find_card(tiny.folder / "public.yaml")])
    assert report.exit_code == 0, [str(finding) for finding in report.findings]
    members = members_of(path)
    hashes = json.loads((out / "run.json").read_text())["weights_sha256"]
    assert yaml.safe_load(members["cards/first.yaml"])["weights"] == [
        {"sha256": hashes["first"], "url": "https://example.org/first.safetensors"}
    ]
    assert yaml.safe_load(members["cards/second.yaml"])["weights"] == [{"sha256": hashes["second"]}]
    assert str(tiny.folder).encode() not in b"".join(members.values())


def test_run_with_several_classes_per_image_is_right(tiny: TinySuite) -> None:
    suite = tiny.with_suite(dataset="shapes_coco", metrics=["f1_per_class", "f1_overall", "pointing_game"])
    out = tiny.folder / "out"
    evaluate(suite, Settings(data={"shapes_coco": tiny.data}, out=out, workers=0))
    report = submit(out, tiny.folder / "several.zip")
    assert report.exit_code == 0, [str(finding) for finding in report.findings]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "running"}, "run.json: status is 'running'; expected 'complete'"),
        ({"limit": 5}, "run.json: limit is 5: measure all images"),
    ],
)
def test_unfinished_run_gives_no_bundle(
    run_folder: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    folder = copy_of(run_folder, tmp_path)
    change_json(folder / "run.json", lambda content: content.update(change))
    report = submit(folder, tmp_path / "unfinished.zip")
    assert any(message in str(finding) for finding in report.problems)
    assert not (tmp_path / "unfinished.zip").exists()


@pytest.mark.parametrize(
    ("folder", "bundle_name", "message"),
    [
        ("nowhere", "x.zip", "holds no run; give the --out folder"),
        ("copy", "x.tar", "a name that ends in .zip"),
    ],
)
def test_what_cannot_be_submitted_is_said(
    run_folder: Path, tmp_path: Path, folder: str, bundle_name: str, message: str
) -> None:
    copy_of(run_folder, tmp_path)
    with pytest.raises(RaybenchError, match=message):
        submit(tmp_path / folder, tmp_path / bundle_name)


def private_manifest() -> Manifest:
    """What a run in somebody's home folder writes."""
    home = "/home/alice smith/projects"
    return {
        "suite": {
            "name": "mine",
            "description": "see https://example.org/a/b and /home/alice smith/projects/x",
        },
        "dataset": {"name": "imagenet", "options": {"list": "/home/bob/secret/list.txt", "split": "val"}},
        "checkpoints": [
            {"name": "net", "source": "github.com/alice/net, 2/3 trained", "notes": "in ~/weights/n.pth"}
        ],
        "command": [
            "raybench",
            "run",
            f"{home}/mine.yaml",
            "--data",
            f"imagenet={home}/in",
            "--out",
            "C:\\Users\\alice\\out",
            "--checkpoint",
            "../alice/net.yaml",
            "--limit",
            "7",
            "--device",
            "cuda:1",
            "--workers",
            "/tmp/x",
            "--strict",
        ],
        "skipped": [
            {
                "image_id": "a1",
                "path": f"{home}/in/val/a1.JPEG",
                "reason": f"cannot read {home}/in/val/a1.JPEG: truncated (see {home}/in/val/a1.xml)",
            }
        ],
        "platform": "Linux-6.1.0-alices-kernel-x86_64",
        "hostname": "alices-laptop",
        "seed": 3,
        "wall_seconds": 2.5,
        "device": {"type": "cpu", "hostname": "alices-laptop"},
    }


def test_manifest_of_a_bundle_names_no_folder_person_or_machine() -> None:
    public = public_manifest(private_manifest())
    text = json.dumps({key: value for key, value in public.items() if key != "checkpoints"})
    for private in ("alice", "bob", "/home", "Users", "/tmp", "kernel", "secret", "smith"):
        assert private not in text
    assert public["command"] == [
        "raybench",
        "run",
        "mine",
        "--data",
        "imagenet=PATH",
        "--checkpoint",
        "net",
        "--out",
        "runs/mine",
    ]
    assert public["skipped"] == [
        {"image_id": "a1", "reason": "cannot read PATH: truncated (see PATH)"},
    ]
    assert public["suite"]["description"] == "see https://example.org/a/b and PATH"
    assert public["dataset"]["options"] == {"list": "PATH", "split": "val"}
    assert public["checkpoints"] == [
        {"name": "net", "source": "github.com/alice/net, 2/3 trained", "notes": "in PATH"}
    ]
    assert (public["seed"], public["wall_seconds"]) == (3, 2.5)


def test_bundle_of_a_run_names_neither_its_folders_nor_the_user(
    run_folder: Path, bundle: Path, tiny_data: Path
) -> None:
    everything = b"".join(members_of(bundle).values())
    for private in (str(run_folder), str(run_folder.parent.name), str(tiny_data), str(Path.home())):
        assert private == "/" or private.encode() not in everything
    assert f"/{getpass.getuser()}/".encode() not in everything
