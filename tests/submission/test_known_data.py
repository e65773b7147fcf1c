"""What is said to be known about data sets is what the data and this project's own runs say."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from raybench.benchmark.datasets import open_dataset
from raybench.benchmark.datasets.shapes import write_shapes
from raybench.benchmark.submission.definition import known_dataset, queries_sha256
from raybench.benchmark.suite.protocol import PROTOCOLS

MEASURED = Path(__file__).resolve().parents[2] / "results" / "measured"


def test_generated_pictures_have_the_known_queries(tmp_path: Path) -> None:
    write_shapes(tmp_path, images=300, seed=0)
    for name in ("shapes", "shapes_coco"):
        data = open_dataset(name, {name: tmp_path}, PROTOCOLS["aaai21-clamped"], {})
        known = known_dataset(data.fingerprint())
        assert known is not None
        assert (known.dataset, known.images) == (name, len(data))
        queries = [(sample.image_id, query.class_index) for sample in data for query in sample.queries]
        assert queries_sha256(reversed(queries)) == known.queries_sha256
        assert queries_sha256(queries[1:]) != known.queries_sha256


@pytest.mark.parametrize("name", ["demo", "center-imagenet", "center-imagenet-clamped"])
def test_known_values_are_those_of_the_runs_in_the_repository(name: str) -> None:
    manifest = json.loads((MEASURED / name / "run.json").read_text())
    known = known_dataset(manifest["dataset"]["fingerprint"])
    assert known is not None
    assert (known.dataset, known.images) == (manifest["dataset"]["name"], manifest["dataset"]["images"])
    with (MEASURED / name / "summary.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["attribution"] == "center"]
    values = {f"{row['metric']} {row['aggregate']}": float(row["value"]) for row in rows}
    said = known.center[manifest["protocol"]["id"]]
    assert len(said) == 3
    assert said == {name: values[name] for name in said}


@pytest.mark.usefixtures("real_data")
def test_real_boxes_have_the_known_queries() -> None:
    data = open_dataset("imagenet_boxes", {}, PROTOCOLS["aaai21"], {})
    known = known_dataset(data.fingerprint())
    assert known is not None
    queries = zip(data.image_ids, data.class_indices.tolist(), strict=True)  # type: ignore[attr-defined]
    assert queries_sha256(queries) == known.queries_sha256
