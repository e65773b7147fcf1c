"""What names stand for, what documents may say, and what a bug report leaves out."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from calls import call

from raybench.base import RaybenchError
from raybench.benchmark.suite import PROTOCOLS, Suite


def test_show_finds_a_metric_by_the_label_that_tables_print() -> None:
    assert call("show", "PG").startswith("metric pointing_game")
    assert f"id: {PROTOCOLS['aaai21'].id}" in call("show", "aaai21")
    assert "dataset: shapes" in call("show", "demo")
    with pytest.raises(RaybenchError, match="did you mean 'grad_cam'"):
        call("show", "gradcam")


def test_lists_are_json_for_programs() -> None:
    listed = json.loads(call("list", "protocols", "--format", "json"))
    assert {one["name"] for one in listed} == set(PROTOCOLS)


def test_schema_of_a_suite_has_its_keys_and_proposes_names() -> None:
    schema = json.loads(call("schema", "suite"))
    assert schema["properties"].keys() == Suite.model_fields.keys()
    assert schema["required"] == ["name", "protocol", "dataset", "metrics"]
    assert "grad_cam" in schema["properties"]["attributions"]["items"]["anyOf"][0]["enum"]
    assert schema["properties"]["dataset"]["anyOf"][1:] == [
        {"type": "string"},
        {"$ref": "#/$defs/NamedChoice"},
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["/home/Jane Doe/secret study/mine.yaml"], "…/mine.yaml"),
        (["../Jane Doe/cards/resnet.yaml", "--out", "runs/Jane"], "…/resnet.yaml --out …"),
        (["demo", "--data", "imagenet=/data/Jane Doe/x"], "demo --data imagenet=…"),
        (["demo", "--data=voc=~/VOC 2007", "--log-file=/tmp/é ü/log.txt"], "demo --data=voc=… --log-file=…"),
        (["C:\\Users\\Jane Doe\\suite.yaml", "-o", "Jane Doe"], "…/suite.yaml -o …"),
        (["~/Jörg/suite.yaml", "--limit", "3"], "…/suite.yaml --limit 3"),
        (["demo", "-oJane Doe"], "demo -o…"),
        (["~jane", "--metric", "PG"], "… --metric PG"),
        (["Jane Doe"], "…"),
        (["--attribution", "/home/Jane Doe/own.py:flat"], "--attribution …/own.py:flat"),
        (["--checkpoint", "timm:resnet18.a1_in1k"], "--checkpoint timm:resnet18.a1_in1k"),
        (
            ["--dataset", "{name: boxes, label: My data, images: Jane Doe, boxes: Jane Doe/b 1.csv}"],
            "--dataset {name: boxes, label: My data, images: …, boxes: …/b 1.csv}",
        ),
        (["--attribution", "{name: rise, masks: 100}"], "--attribution {name: rise, masks: 100}"),
        (["--dataset", "{name: [/home/Jane Doe"], "--dataset …"),
        (["of", "jane"], "of USER"),
    ],
)
def test_a_bug_report_tells_no_folder_and_no_user(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "jane")
    manifest = {"command": ["raybench", "run", *words], "status": "complete"}
    for command in (manifest["command"], shlex.join(manifest["command"])):  # a list, or as one text
        (tmp_path / "run.json").write_text(json.dumps(manifest | {"command": command}))
        said = call("bug-report", tmp_path).split("\n\n")[1].splitlines()
        assert said[0] == f"command: raybench run {told}"


def test_version_tells_what_numbers_depend_on() -> None:
    assert {"raybench", "python", "torch", "numpy"} <= {
        line.split()[0] for line in call("--version").splitlines()
    }
