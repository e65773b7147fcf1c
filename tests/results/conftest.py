"""Small result folders, written by the project's own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.files.thumbnails import save_map, save_picture
from raybench.benchmark.results.summary import write_summary
from raybench.benchmark.suite.protocol import protocol_from
from raybench.checkpoints.classes import ClassList

CLASSES = ClassList("three", ("cat", "dog", "fox"), ("cat", "dog", "fox"))
METRIC_NAMES = ("pointing_game", "stochastic_pointing_game", "content_heatmap", "top1_accuracy")
SIZE = (60, 120)  # height and width of the pictures
REGION = (slice(10, 40), slice(20, 70))
HIT, MISS = (45, 25), (110, 5)  # points (x, y) inside and far outside the region

RunMaker = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> RunMaker:
    """Return a function that writes a result folder of 12 images.

    `scores[checkpoint][attribution]` is the share of saliency inside the region, in percent; the pointing
    game hits where the number of the image is below that share of 12. So does accuracy.
    """

    def make(
        name: str = "run",
        scores: Mapping[str, Mapping[str, float]] | None = None,
        *,
        accuracy: Mapping[str, float] | None = None,
        dataset: str = "imagenet",
        changes: Mapping[str, Any] | None = None,
        cards: Mapping[str, Mapping[str, str]] | None = None,
        gallery: int = 0,
        **manifest: Any,
    ) -> Path:
        out = tmp_path / name
        scores = scores or {"net": {"grad_cam": 50.0}}
        protocol = protocol_from("aaai21", changes)
        methods = list(dict.fromkeys(method for found in scores.values() for method in found))
        facts = {
            "suite": {"name": "tiny"},
            "protocol": {"name": protocol.name, "id": protocol.id, "fields": protocol.fields},
            "dataset": {"name": dataset, "options": {}, "classes": "three", "images": 12, "fingerprint": "f"},
            "metrics": {metric: {} for metric in METRIC_NAMES},
            "seed": 0,
            "limit": None,
            "attributions": [{"name": method, "method": method, "options": {}} for method in methods],
            "checkpoints": [
                {
                    "name": name,
                    "architecture": "resnet18",
                    "training": "baseline",
                    **(cards or {}).get(name, {}),
                }
                for name in scores
                if name != "none"
            ],
        } | manifest
        images = [f"{number:03d}" for number in range(12)]
        for checkpoint, found in scores.items():
            for method, score in found.items():
                _write_records(out / checkpoint / method, images, score)
                for image in images[:gallery]:
                    _write_map(out, checkpoint, method, image, score)
            if checkpoint != "none":
                _write_predictions(out / checkpoint, images, (accuracy or {}).get(checkpoint, 75.0))
        for image in images[:gallery]:
            _write_picture(out, image)
        (out / "run.json").write_text(json.dumps(facts))
        metrics = [METRICS.get(metric) for metric in METRIC_NAMES]
        write_summary(out, facts, metrics, frozenset(images), len(CLASSES))
        return out

    return make


def _is_hit(image: str, score: float) -> bool:
    """Say whether the pointing game of a made-up record hits."""
    return int(image) < 12 * score / 100


def _write_records(folder: Path, images: list[str], score: float) -> None:
    folder.mkdir(parents=True)
    lines = ["image_id,class_index,class_name,status,point_x,point_y," + ",".join(METRIC_NAMES[:3])]
    for image in images:
        hit = _is_hit(image, score)
        x, y = HIT if hit else MISS
        label = int(image) % 3
        lines.append(f"{image},{label},{CLASSES.ids[label]},ok,{x},{y},{100 * hit},{score},{score / 2}")
    (folder / "records.csv").write_text("\n".join(lines) + "\n")


def _write_predictions(folder: Path, images: list[str], accuracy: float) -> None:
    lines = ["image_id,targets,top5,positives"]
    for image in images:
        label = int(image) % 3
        first = label if _is_hit(image, accuracy) else (label + 1) % 3
        lines.append(f"{image},{label},{first} {(first + 1) % 3} {(first + 2) % 3},")
    (folder / "predictions.csv").write_text("\n".join(lines) + "\n")


def _write_map(out: Path, checkpoint: str, method: str, image: str, score: float) -> None:
    x, y = HIT if _is_hit(image, score) else MISS
    saliency = np.zeros(SIZE)
    saliency[y - 4 : y + 5, x - 4 : x + 5] = 1
    save_map(out, checkpoint, method, image, int(image) % 3, saliency)


def _write_picture(out: Path, image: str) -> None:
    mask = np.zeros(SIZE, dtype=bool)
    mask[REGION] = True
    picture = PIL.Image.new("RGB", SIZE[::-1], (90, 120, 150))
    save_picture(out, image, picture, {int(image) % 3: mask})
