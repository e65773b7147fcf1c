"""A section of a leaderboard made by hand: two checkpoints, two methods, a floor, on a few queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from raybench.benchmark.results.files.folder import ResultFolder
from raybench.benchmark.results.scores import column_for
from raybench.benchmark.results.sections import BoardRow, Score, Section

COLUMNS = (
    column_for("top1_accuracy", "image_mean", about_checkpoint=True),
    column_for("pointing_game", "class_mean"),
    column_for("content_heatmap", "query_mean"),
)


def made_row(
    checkpoint: str,
    attribution: str,
    values: Sequence[float],
    *,
    accuracy: float = 70.0,
    training: str = "baseline",
    manifest: Mapping[str, Any] | None = None,
) -> BoardRow:
    """Return a row whose content heatmap has these values, and whose points hit where they exceed 50."""
    heat = np.array(values, dtype=np.float32)
    found = {"pointing_game": 100 * (heat > 50).astype(np.float32), "content_heatmap": heat}
    scores = {
        metric: Score(float(np.nanmean(one)), float(np.nanmean(one)) - 5, float(np.nanmean(one)) + 5)
        for metric, one in found.items()
    }
    if checkpoint != "none":
        scores["top1_accuracy"] = Score(accuracy, accuracy - 2, accuracy + 2)
    return BoardRow(
        key=f"{checkpoint}-{attribution}".lower(),
        folder=ResultFolder(Path("nowhere"), pd.DataFrame(), manifest or {}),
        checkpoint=checkpoint,
        attribution=attribution,
        method=attribution,
        architecture="resnet18" if checkpoint != "none" else "",
        training=training if checkpoint != "none" else "",
        scores=scores,
        values=found,
        queries=len(values),
    )


def made_section(*rows: BoardRow, class_index: Sequence[int] | None = None, **changes: Any) -> Section:
    """Return a section of rows; by default the queries ask about classes 0, 1, 0, 1, …"""
    queries = rows[0].queries
    classes = np.arange(queries) % 2 if class_index is None else np.array(class_index)
    section = Section(
        key="made",
        title="made, protocol aaai21",
        dataset="made",
        dataset_title="Made",
        protocol="aaai21",
        protocol_id="0",
        changes="",
        columns=COLUMNS,
        rows=rows,
        published=(),
        image_ids=np.array([f"{number:03d}" for number in range(queries)]),
        class_index=classes.astype(np.int64),
        class_names={index: f"class {index}" for index in set(classes.tolist())},
    )
    return replace(section, **changes)
