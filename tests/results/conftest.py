"""Small result folders, written by the project's own code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from result_folders import write_folder

from raybench.benchmark.results.files.thumbnails import save_map, save_picture
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
        out, scores = tmp_path / name, scores or {"net": {"grad_cam": 50.0}}
        images = [f"{number:03d}" for number in range(12)]
        rows = {(net, method): score for net, found in scores.items() for method, score in found.items()}
        plain = {"architecture": "resnet18", "training": "baseline"}
        for image in images[:gallery]:
            _write_picture(out, image)
            for (net, method), score in rows.items():
                _write_map(out, net, method, image, score)
        return write_folder(
            out,
            {row: _records(images, score) for row, score in rows.items()},
            {net: _predictions(images, (accuracy or {}).get(net, 75.0)) for net in scores if net != "none"},
            scored=METRIC_NAMES,
            classes=len(CLASSES),
            data={"name": dataset, "classes": "three"},
            changes=changes,
            cards={net: plain | dict((cards or {}).get(net, {})) for net in scores},
            **manifest,
        )

    return make


def _is_hit(image: str, score: float) -> bool:
    """Say whether the pointing game of a made-up record hits."""
    return int(image) < 12 * score / 100


def _records(images: list[str], score: float) -> pd.DataFrame:
    hits = [_is_hit(image, score) for image in images]
    labels = [int(image) % 3 for image in images]
    return pd.DataFrame(
        {
            "image_id": images,
            "class_index": labels,
            "class_name": [CLASSES.ids[label] for label in labels],
            "status": "ok",
            "point_x": [HIT[0] if hit else MISS[0] for hit in hits],
            "point_y": [HIT[1] if hit else MISS[1] for hit in hits],
            "pointing_game": [100 * hit for hit in hits],
            "stochastic_pointing_game": score,
            "content_heatmap": score / 2,
        }
    )


def _predictions(images: list[str], accuracy: float) -> pd.DataFrame:
    labels = [int(image) % 3 for image in images]
    first = [
        label if _is_hit(image, accuracy) else (label + 1) % 3
        for image, label in zip(images, labels, strict=True)
    ]
    top = [f"{one} {(one + 1) % 3} {(one + 2) % 3}" for one in first]
    return pd.DataFrame({"image_id": images, "targets": labels, "top5": top, "positives": ""})


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
