"""What a row answered to the queries that a gallery shows: where its maps point, and what they score."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from ...base import Point
from ..results import RECORD_COLUMNS, ResultFolder, facts_of, safe_name

QueryKey = tuple[str, int]
"""`safe_name` of the image id, and the class."""


@dataclass(frozen=True)
class Answer:
    """One record, as galleries print it.

    Attributes:
        class_name: as the records call it.
        status: of the map; `ok` or how it is degenerate.
        point: the most salient pixel of the original image.
        hit: whether the point hits; None if no metric says so.
        scores: label and value of every other metric.
    """

    image_id: str
    class_name: str
    status: str
    point: Point
    hit: bool | None
    scores: tuple[tuple[str, str], ...]


def answers_of(
    run: ResultFolder, checkpoint: str, attribution: str, wanted: Collection[QueryKey]
) -> dict[QueryKey, Answer]:
    """Read the records of a row for some queries.

    Raises:
        RaybenchError: the records are missing or damaged.
    """
    frame = run.records(checkpoint, attribution)
    names = {image_id: safe_name(image_id) for image_id in frame["image_id"].unique()}
    shown = {name for name, _ in wanted}
    frame = frame[frame["image_id"].map(names).isin(shown)]
    metrics = [name for name in frame.columns if name not in RECORD_COLUMNS]
    facts = {metric: facts_of(metric, [run]) for metric in metrics}
    judges = [metric for metric, known in facts.items() if known and known.judges_point]
    found = {}
    for row in frame.to_dict("records"):
        key = names[row["image_id"]], int(row["class_index"])
        there = {metric: row[metric] for metric in metrics if not math.isnan(row[metric])}
        scores = []
        for metric, value in there.items():
            known = facts[metric]
            digits = 0 if known is None or known.unit == "percent" else 2
            if metric not in judges:
                scores.append((known.label if known else metric, f"{value:.{digits}f}"))
        found[key] = Answer(
            image_id=row["image_id"],
            class_name=row["class_name"],
            status=row["status"],
            point=Point(int(row["point_x"]), int(row["point_y"])),
            hit=next((there[metric] > 50 for metric in judges if metric in there), None),
            scores=tuple(scores),
        )
    return {key: answer for key, answer in found.items() if key in wanted}
