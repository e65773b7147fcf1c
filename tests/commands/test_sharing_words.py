"""What names stand for, what documents may say, and what a bug report leaves out."""

from __future__ import annotations

import json

import pytest
from calls import call

from raybench.base import RaybenchError
from raybench.benchmark.suite import PROTOCOLS, Suite
from raybench.commands.sharing.bug_report import without_paths


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


def test_bug_report_keeps_the_last_name_of_a_path_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "jane")
    said = "raybench run /home/jane/secret/mine.yaml --data imagenet=/data/x --out ~/runs/a of jane"
    assert without_paths(said) == ("raybench run …/mine.yaml --data imagenet=…/x --out …/a of USER")


def test_version_tells_what_numbers_depend_on() -> None:
    assert {"raybench", "python", "torch", "numpy"} <= {
        line.split()[0] for line in call("--version").splitlines()
    }
