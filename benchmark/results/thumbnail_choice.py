"""Which queries a gallery shows, and for which reason."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...base import Document, RaybenchError
from .files.folder import ResultFolder
from .files.names import ResultFiles, safe_name
from .files.writing import write_atomically

Reason = Literal["best", "worst", "disputed", "random"]
REASONS: dict[Reason, str] = {
    "best": "where the maps of all rows score highest on average",
    "worst": "where they score lowest",
    "disputed": "where rows differ most",
    "random": "drawn by a hash of the image's name",
}
"""Why a query is shown, in the order of the page; `random` is what runs keep unasked."""


class Chosen(Document):
    """A query that is shown for a reason.

    Attributes:
        mean: of the rows, in percent.
        spread: standard deviation between the rows, in percentage points.
    """

    image_id: str
    class_index: int
    reason: Reason
    mean: float
    spread: float


class Choice(Document):
    """What is in the gallery: the metric that decided, and the queries by reason, some for several."""

    metric: str = ""
    queries: tuple[Chosen, ...] = ()


def choose(
    values: NDArray[np.float64], image_ids: Sequence[str], class_index: Sequence[int], *, each: int
) -> list[Chosen]:
    """Choose the best, the worst and the most disputed queries, `each` of them, no image twice.

    The reasons take turns, so that none of them takes all the good ones. Of equal queries the first in the
    order of image id and class is taken: the choice depends on the records alone. A query on which every row
    scores 0 is none of the worst: its ground truth is lost, as protocol aaai21 loses some boxes.

    Args:
        values: (rows, N), in percent; queries with a missing value are passed over.
        image_ids: N names.
        class_index: N classes.
        each: number of queries for each reason.
    """
    means, spreads = values.mean(axis=0), values.std(axis=0)
    there = [at for at in range(len(image_ids)) if not math.isnan(means[at])]
    there.sort(key=lambda at: (image_ids[at], class_index[at]))
    turns: dict[Reason, Iterator[int]] = {
        "best": iter(sorted(there, key=lambda at: -round(float(means[at]), 6))),
        "worst": iter(sorted(there, key=lambda at: round(float(means[at]), 6) or math.inf)),
        "disputed": iter(sorted(there, key=lambda at: -round(float(spreads[at]), 6))),
    }
    taken: set[str] = set()
    found = []
    for _ in range(each):
        for reason, order in turns.items():
            at = next((at for at in order if image_ids[at] not in taken), None)
            if at is not None:
                taken.add(image_ids[at])
                found.append(chosen_for(reason, image_ids[at], class_index[at], values[:, at]))
    return sorted(found, key=lambda one: list(REASONS).index(one.reason))


def chosen_for(reason: Reason, image_id: str, class_index: int, values: NDArray[np.float64]) -> Chosen:
    """Describe a query with the rows' `values` (rows,)."""
    mean, spread = round(float(values.mean()), 4), round(float(values.std()), 4)
    return Chosen(image_id=image_id, class_index=int(class_index), reason=reason, mean=mean, spread=spread)


def choose_from(run: ResultFolder, *, each: int, random: Collection[tuple[str, int]] = frozenset()) -> Choice:
    """Choose queries from the records of all rows of checkpoints, by the finest metric that they share.

    Args:
        run: the run.
        each: number of queries for each reason.
        random: queries that are in the gallery anyway, as (`safe_name` of the image, class).
    """
    frames = []
    for checkpoint, attribution in run.network_rows:
        frame = run.records(checkpoint, attribution)
        frames.append(frame.sort_values(["image_id", "class_index"]).reset_index(drop=True))
    if not frames:
        return Choice()
    shared = frames[0][["image_id", "class_index"]]
    for frame in frames[1:]:
        shared = shared.merge(frame[["image_id", "class_index"]])
    frames = [shared.merge(frame) for frame in frames]
    metric = _finest(frames)
    values = np.stack([frame[metric].to_numpy(np.float64) for frame in frames])
    ids, classes = shared["image_id"].tolist(), shared["class_index"].tolist()
    kept = [
        chosen_for("random", image_id, index, values[:, at])
        for at, (image_id, index) in enumerate(zip(ids, classes, strict=True))
        if (safe_name(image_id), index) in random
    ]
    return Choice(metric=metric, queries=(*choose(values, ids, classes, each=each), *kept))


def _finest(frames: Sequence[pd.DataFrame]) -> str:
    """Return the last metric of the records that says more than hit or miss; else the last one."""
    known = ("image_id", "class_index", "class_name", "status", "point_x", "point_y")
    metrics = [str(name) for name in frames[0].columns if name not in known]
    fine = [name for name in metrics if not set(frames[0][name].dropna()) <= {0.0, 100.0}]
    if not metrics:
        raise RaybenchError("the records hold no localisation metric; measure with pointing_game")
    return (fine or metrics)[-1]


def write_choice(out: Path, choice: Choice) -> None:
    """Write `out`/gallery/gallery.json.

    Raises:
        RaybenchError: the disk is full or not writable.
    """
    write_atomically(ResultFiles(out).gallery, json.dumps(choice.model_dump(), indent=2) + "\n")


def read_choice(out: Path) -> Choice:
    """Read `out`/gallery/gallery.json; without one nothing was chosen.

    Raises:
        RaybenchError: the file is damaged.
    """
    path = ResultFiles(out).gallery
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Choice.model_validate(content, strict=False)  # a list may be a tuple
    except FileNotFoundError:
        return Choice()
    except (OSError, ValueError, RecursionError):
        raise RaybenchError(f"{path} is damaged; write it anew with `raybench gallery {out}`") from None
