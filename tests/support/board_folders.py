"""Result folders of any size and with any names, written without measuring anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from result_folders import write_folder

METRIC_NAMES = ("pointing_game", "stochastic_pointing_game", "content_heatmap")
LABELS = {"imagenet": "ImageNet", "coco": "COCO"}
N_CLASSES = 7

Values = NDArray[np.float64]


def made_up_values(images: int, level: float, *, seed: int) -> Values:
    """Percentages around `level` for each image: (images,)."""
    return np.random.default_rng(seed).normal(level, 12, images).clip(0.5, 99.5).round(7)


def write_run(
    out: Path,
    rows: Mapping[tuple[str, str], Values],
    *,
    accuracy: Mapping[str, float] | None = None,
    cards: Mapping[str, Mapping[str, Any]] | None = None,
    dataset: str = "shapes",
    protocol: str = "aaai21",
    classes: int = N_CLASSES,
    prefix: str = "",
    **manifest: Any,
) -> Path:
    """Write a complete result folder.

    Args:
        out: folder to make.
        rows: content heatmap of each image, by checkpoint and attribution; the other metrics follow from it.
        accuracy: share of images that a checkpoint classifies rightly, in percent; none, no predictions.
        cards: what the manifest says of checkpoints, by name; else a ResNet18 without training kind.
        dataset: its name.
        protocol: its name.
        classes: how many the pictures are of, in turn.
        prefix: of image ids and class names.
        **manifest: entries of run.json to add or change.
    """
    images = [f"{prefix}img_{number:06d}" for number in range(len(next(iter(rows.values()))))]
    names = [name for name in dict.fromkeys(checkpoint for checkpoint, _ in rows) if name != "none"]
    plain = {"architecture": "resnet18", "training": ""}
    given = {
        "suite": {"name": "made-up", "description": "rows that nobody measured"},
        "facts": {"dataset": {"label": LABELS.get(dataset, dataset)}},
        "weights_sha256": {name: f"{number:064x}" for number, name in enumerate(names)},
        "command": f"raybench run made-up --data {dataset}=/elsewhere --out /elsewhere/out".split(),
        "started": "2026-01-01T00:00:00+00:00",
        "status": "complete",
        "skipped": [],
        "without_queries": [],
        "notes": {},
        "device": {"type": "cpu", "name": "x86_64", "threads": 1},
        "git_revision": "0123456789abcdef",
        "versions": {"raybench": "0.1.0", "torch": "2.9.0"},
        "wall_seconds": 12.5,
    } | manifest
    return write_folder(
        out,
        {row: _records(images, values, classes, prefix) for row, values in rows.items()},
        {name: _predictions(images, share, classes) for name, share in (accuracy or {}).items()},
        scored=(*METRIC_NAMES, "top1_accuracy"),
        classes=classes,
        data={"name": dataset, "classes": "seven", "fingerprint": "ab" * 32},
        protocol=protocol,
        cards={name: plain | dict((cards or {}).get(name, {})) for name in names},
        **given,
    )


def change_manifest(folder: Path, **changes: Any) -> None:
    """Change entries of a run.json."""
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def _records(images: Sequence[str], values: Values, n_classes: int, prefix: str) -> pd.DataFrame:
    classes = np.arange(len(images)) % n_classes
    return pd.DataFrame(
        {
            "image_id": images,
            "class_index": classes,
            "class_name": [f"{prefix}class-{index}" for index in classes],
            "status": "ok",
            "point_x": 3,
            "point_y": 5,
            "pointing_game": np.where(values > 40, 100.0, 0.0),
            "stochastic_pointing_game": (0.9 * values + 10).round(7),
            "content_heatmap": values,
        }
    )


def _predictions(images: Sequence[str], share: float, n_classes: int) -> pd.DataFrame:
    targets = [number % n_classes for number in range(len(images))]
    right = [number < len(images) * share / 100 for number in range(len(images))]
    first = [t if ok else (t + 1) % n_classes for t, ok in zip(targets, right, strict=True)]
    return pd.DataFrame(
        {"image_id": images, "targets": map(str, targets), "top5": map(str, first), "positives": ""}
    )
