"""Result folders of any rows, written without measuring anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.files.names import ResultFiles
from raybench.benchmark.results.summary import write_summary
from raybench.benchmark.suite.protocol import protocol_from


def write_folder(
    out: Path,
    records: Mapping[tuple[str, str], pd.DataFrame],
    predictions: Mapping[str, pd.DataFrame],
    *,
    scored: Sequence[str],
    classes: int,
    data: Mapping[str, Any] | None = None,
    protocol: str = "aaai21",
    changes: Mapping[str, Any] | None = None,
    cards: Mapping[str, Mapping[str, Any]] | None = None,
    **manifest: Any,
) -> Path:
    """Write records, predictions, run.json and summary.csv.

    Args:
        out: folder to make.
        records: by checkpoint and attribution.
        predictions: by checkpoint.
        scored: names of the metrics.
        classes: how many there are.
        data: what the manifest says of the dataset beside, or in place of, that it is ImageNet.
        protocol: its name.
        changes: fields that depart from it.
        cards: what the manifest says of checkpoints beside their names.
        **manifest: entries of run.json to add or change.
    """
    files, rules = ResultFiles(out), protocol_from(protocol, changes)
    written = {files.records(*row): frame for row, frame in records.items()}
    written |= {files.predictions(checkpoint): frame for checkpoint, frame in predictions.items()}
    for path, frame in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False, lineterminator="\n")
    images = frozenset[str]().union(*(frame["image_id"] for frame in records.values()))
    names = [name for name in dict.fromkeys(checkpoint for checkpoint, _ in records) if name != "none"]
    facts = {
        "suite": {"name": "tiny"},
        "protocol": {"name": rules.name, "id": rules.id, "fields": rules.fields},
        "dataset": {"name": "imagenet", "options": {}, "images": len(images), "fingerprint": "f"}
        | dict(data or {}),
        "metrics": {metric: {} for metric in scored},
        "seed": 0,
        "limit": None,
        "attributions": [
            {"name": name, "method": name, "options": {}}
            for name in dict.fromkeys(name for _, name in records)
        ],
        "checkpoints": [{"name": name, **(cards or {}).get(name, {})} for name in names],
    } | manifest
    (out / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    write_summary(out, facts, [METRICS.get(metric) for metric in scored], images, classes)
    return out
