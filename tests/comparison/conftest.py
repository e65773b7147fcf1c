"""Small result folders with records and predictions of one's own making."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from result_folders import write_folder

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
        records = {}
        for row, queries in rows.items():
            frame = pd.DataFrame(queries, columns=["image_id", "class_index", *LOCALISATION])
            frame.insert(2, "class_name", [CLASSES.ids[index] for index in frame["class_index"]])
            records[row] = frame.assign(status="ok", point_x=0, point_y=0)
        columns = ["image_id", "targets", "top5", "positives"]
        told = {net: pd.DataFrame(found, columns=columns) for net, found in (predictions or {}).items()}
        return write_folder(
            tmp_path / name,
            records,
            told,
            scored=metrics,
            classes=len(CLASSES),
            data={"classes": "four"},
            changes=changes,
            **manifest,
        )

    return write
