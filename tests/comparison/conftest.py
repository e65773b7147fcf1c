"""Small result folders with records and predictions of one's own making."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.summary import write_summary
from raybench.benchmark.suite.protocol import protocol_from
from raybench.checkpoints.classes import ClassList

CLASSES = ClassList("four", ("cat", "dog", "fox", "owl"), ("cat", "dog", "fox", "owl"))
LOCALISATION = ("pointing_game", "stochastic_pointing_game")

Query = tuple[str, int, float, float]
"""Image id, class index, pointing game, SPG."""
Prediction = tuple[str, str, str, str]
"""Image id, targets, top five, positives."""
RunWriter = Callable[..., Path]


@pytest.fixture
def write_run(tmp_path: Path) -> RunWriter:
    """Return a function that writes a result folder from rows `{(checkpoint, attribution): queries}`."""

    def write(
        name: str,
        rows: Mapping[tuple[str, str], Sequence[Query]],
        *,
        predictions: Mapping[str, Sequence[Prediction]] | None = None,
        metrics: Sequence[str] = ("top1_accuracy", *LOCALISATION),
        changes: Mapping[str, Any] | None = None,
        **manifest: Any,
    ) -> Path:
        out = tmp_path / name
        protocol = protocol_from("aaai21", changes)
        checkpoints = dict.fromkeys(checkpoint for checkpoint, _ in rows if checkpoint != "none")
        facts = {
            "suite": {"name": "tiny"},
            "protocol": {"name": protocol.name, "id": protocol.id, "fields": protocol.fields},
            "dataset": {
                "name": "imagenet",
                "options": {},
                "classes": "four",
                "images": 9,
                "fingerprint": "f",
            },
            "metrics": {metric: {} for metric in metrics},
            "seed": 0,
            "limit": None,
            "attributions": [{"name": method} for method in dict.fromkeys(method for _, method in rows)],
            "checkpoints": [{"name": checkpoint} for checkpoint in checkpoints],
        } | manifest
        images = set()
        for (checkpoint, method), queries in rows.items():
            folder = out / checkpoint / method
            folder.mkdir(parents=True)
            frame = pd.DataFrame(queries, columns=["image_id", "class_index", *LOCALISATION])
            frame.insert(2, "class_name", [CLASSES.ids[index] for index in frame["class_index"]])
            frame = frame.assign(status="ok", point_x=0, point_y=0)
            frame.to_csv(folder / "records.csv", index=False)
            images |= set(frame["image_id"])
        for checkpoint, found in (predictions or {}).items():
            frame = pd.DataFrame(found, columns=["image_id", "targets", "top5", "positives"])
            frame.to_csv(out / checkpoint / "predictions.csv", index=False)
        (out / "run.json").write_text(json.dumps(facts))
        bound = [METRICS.get(metric) for metric in metrics]
        write_summary(out, facts, bound, frozenset(images), len(CLASSES))
        return out

    return write
