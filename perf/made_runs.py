"""Makes up the result folders of a large leaderboard: records, predictions, summaries and manifests."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from raybench.attributions import ATTRIBUTIONS
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.folder import SUMMARY_COLUMNS
from raybench.benchmark.results.summary import summarise_predictions, summarise_records
from raybench.benchmark.suite.protocol import PROTOCOLS

from .work import METRICS as LOCALISATION

__all__ = ["make_runs"]

NEED_NO_NETWORK = ("center", "random", "uniform", "box_oracle")
CLASSES = 1000
RUNS = 4
METHODS = 10
DRAWS = 64  # of the made-up intervals: enough for a width that the records bear out


def make_runs(folder: Path, *, rows: int, images: int, seed: int = 0) -> None:
    """Write the result folders of `RUNS` runs, with `rows` rows in all, `METHODS` for each checkpoint."""
    generator = np.random.default_rng(seed)
    names = [entry.name for entry in ATTRIBUTIONS if entry.name not in NEED_NO_NETWORK]
    methods = [names[n % len(names)] + (f"_{n}" if n >= len(names) else "") for n in range(METHODS)]
    checkpoints = [f"net{number:02d}" for number in range(max(1, rows // METHODS))]
    ids = np.array([f"ILSVRC2012_val_{number:08d}" for number in range(1, images + 1)])
    classes = generator.integers(0, CLASSES, size=images)
    easy = generator.normal(0, 12, size=images)  # some pictures are easy for all
    for part in range(min(RUNS, len(checkpoints))):
        run, mine = folder / f"run{part}", checkpoints[part::RUNS]
        summary: list[tuple[Any, ...]] = []
        for checkpoint in mine:
            summary += _predictions(run, checkpoint, ids, classes, generator)
            for place, method in enumerate(methods):
                skill = 55 + 2 * place + 0.5 * checkpoints.index(checkpoint)
                score = (skill + easy + generator.normal(0, 15, size=images)).clip(0.5, 100)
                summary += _records(run, checkpoint, method, ids, classes, score)
        _manifest(run, mine, methods, images)
        _summary(run, summary)


def _records(
    run: Path, checkpoint: str, method: str, ids: Any, classes: Any, score: Any
) -> Iterator[tuple[Any, ...]]:
    frame = pd.DataFrame(
        {
            "image_id": ids,
            "class_index": classes,
            "class_name": np.array([f"n{index:08d}" for index in range(CLASSES)])[classes],
            "status": "ok",
            "point_x": (5 * score).astype(np.int64),
            "point_y": (3 * score).astype(np.int64),
            "pointing_game": np.where(score > 40, 100, 0),
            "stochastic_pointing_game": [float(f"{value:.10g}") for value in score],
            "content_heatmap": [float(f"{value:.10g}") for value in 0.9 * score],
        }
    )
    path = run / checkpoint / method / "records.csv"
    path.parent.mkdir(parents=True)
    frame.to_csv(path, index=False, lineterminator="\n")
    metrics = [METRICS.get(name) for name in LOCALISATION]
    for row in summarise_records(frame, metrics, seed=0, draws=DRAWS):
        yield (checkpoint, method, *row.__dict__.values())


def _predictions(
    run: Path, checkpoint: str, ids: Any, classes: Any, generator: Any
) -> Iterator[tuple[Any, ...]]:
    shift = generator.integers(0, 3, size=len(ids))
    top = [" ".join(str((index + step) % CLASSES) for step in range(5)) for index in range(CLASSES)]
    first = (classes + np.where(shift > 0, 0, 1)) % CLASSES
    frame = pd.DataFrame(
        {"image_id": ids, "targets": classes.astype(str), "top5": np.array(top)[first], "positives": ""}
    )
    (run / checkpoint).mkdir(parents=True, exist_ok=True)
    frame.to_csv(run / checkpoint / "predictions.csv", index=False, lineterminator="\n")
    metrics = [METRICS.get("top1_accuracy")]
    for row in summarise_predictions(frame, metrics, n_classes=CLASSES, seed=0, draws=DRAWS):
        yield (checkpoint, "", *row.__dict__.values())


def _manifest(run: Path, checkpoints: Sequence[str], methods: Sequence[str], images: int) -> None:
    protocol = PROTOCOLS["aaai21"]
    facts = {
        "status": "complete",
        "suite": {"name": "made-up"},
        "protocol": {"name": protocol.name, "id": protocol.id, "fields": protocol.fields},
        "dataset": {
            "name": "imagenet",
            "options": {"split": "val"},
            "classes": "imagenet1k",
            "images": images,
            "fingerprint": "0" * 64,
        },
        "metrics": {name: {} for name in ("top1_accuracy", *LOCALISATION)},
        "seed": 0,
        "limit": None,
        "attributions": [{"name": name, "method": name, "options": {}} for name in methods],
        "checkpoints": [
            {"name": name, "architecture": "resnet50", "training": "baseline"} for name in checkpoints
        ],
        "device": {"type": "cuda", "name": "made-up", "threads": 1},
        "command": ["raybench", "run", "made-up"],
        "versions": {"raybench": "0"},
    }
    (run / "run.json").write_text(json.dumps(facts, indent=2, sort_keys=True), encoding="utf-8")


def _summary(run: Path, rows: Sequence[tuple[Any, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SUMMARY_COLUMNS)
    head = ("made-up", "aaai21", PROTOCOLS["aaai21"].id, "imagenet")
    writer.writerows((*head, *row) for row in rows)
    (run / "summary.csv").write_text(text.getvalue(), encoding="utf-8")
