"""The rows of a table in the making, and which of them are best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from ...base import RaybenchError
from ..results import NO_CHECKPOINT, Column, ResultFolder, Score, read_records
from ..statistics import Aggregate, rank_rows

TIED = (
    "bold: values that no other of their metric is better than, by paired tests over images at 5 %, "
    "corrected for their number by Holm's method"
)

_QUERY = ["image_id", "class_index"]


@dataclass(frozen=True, eq=False)
class Entry:
    """A row in the making: the summary rows of one checkpoint and attribution, by metric and aggregate."""

    folder: ResultFolder
    group: int
    checkpoint: str
    attribution: str
    scores: Mapping[tuple[str, str], Mapping[str, float]]

    @property
    def queries(self) -> int:
        """How many queries its maps were measured on."""
        return self._most("n", [row for row in self.scores.values() if row["attribution"]])

    @property
    def degenerate(self) -> int:
        """How many of its maps were degenerate."""
        return self._most("degenerate", list(self.scores.values()))

    def _most(self, count: str, rows: Sequence[Mapping[str, float]]) -> int:
        return int(max((row[count] for row in rows if not math.isnan(row[count])), default=0))


def entries_of(run: ResultFolder, group: int) -> list[Entry]:
    """Split a summary into checkpoints and attributions."""
    scores = run.by_row
    with_method = {checkpoint for checkpoint, attribution in scores if attribution}
    return [
        Entry(run, group, checkpoint, attribution, {**scores.get((checkpoint, ""), {}), **found})
        for (checkpoint, attribution), found in scores.items()
        if attribution or checkpoint not in with_method
    ]


def mark_best(
    grid: Sequence[Sequence[Score]],
    entries: Sequence[Entry],
    columns: Sequence[Column],
    *,
    tied: bool,
) -> tuple[list[list[Score]], set[str]]:
    """Mark the best of each column among rows that are comparable and have a network.

    Methods without a network are the floor and the ceiling: they take no part. Rows of a run that have other
    numbers of queries, as some were measured with a `--limit`, are not comparable either.

    Args:
        grid: cells by row and column.
        entries: the rows.
        columns: the metrics.
        tied: mark all rows that no other is better than by the tests of the board, where the records of all
            are at hand and the metric has a value for each query; else the best value, as printed.

    Returns:
        The cells, and the metrics that were tested.
    """
    out, tested = [list(row) for row in grid], set[str]()
    keys = [(entry.group, entry.queries) for entry in entries]
    for key in dict.fromkeys(keys):
        rows = [
            place
            for place, (other, entry) in enumerate(zip(keys, entries, strict=True))
            if other == key and entry.checkpoint != NO_CHECKPOINT
        ]
        first = _first_places([entries[row] for row in rows], columns) if tied and len(rows) > 1 else {}
        tested |= set(first)
        for place, column in enumerate(columns):
            values = [round(out[row][place].value, column.digits) for row in rows]
            there = [value for value in values if not math.isnan(value)]
            told_apart = len(set(there)) > 1 or column.metric in first
            if not column.ranked or len(there) < 2 or not told_apart:
                continue
            best = max(there) if column.higher_is_better else min(there)
            marked = first.get(column.metric, [value == best for value in values])
            for row, mark in zip(rows, marked, strict=True):
                out[row][place] = replace(out[row][place], best=mark)
    return out, tested


def _first_places(entries: Sequence[Entry], columns: Sequence[Column]) -> dict[str, list[bool]]:
    """Say by metric which rows no other is better than; nothing where records are missing or damaged."""
    if entries[0].folder.subset:
        return {}
    wanted = {column.metric: column for column in columns if column.ranked and not column.about_checkpoint}
    try:
        found = [read_records(one.folder.files.records(one.checkpoint, one.attribution)) for one in entries]
    except RaybenchError:
        return {}
    if any(frame.duplicated(_QUERY).any() for frame in found):
        return {}
    queries = pd.MultiIndex.from_frame(pd.concat([frame[_QUERY] for frame in found]).drop_duplicates())
    aligned = [frame.set_index(_QUERY).reindex(queries) for frame in found]
    values = {
        metric: np.stack([frame[metric].to_numpy(np.float32) for frame in aligned])
        for metric in wanted
        if all(metric in frame for frame in aligned)
    }
    ranges = rank_rows(
        values,
        np.asarray(queries.get_level_values(0), dtype=np.str_),
        np.asarray(queries.get_level_values(1), dtype=np.int64),
        aggregates={metric: cast(Aggregate, wanted[metric].aggregate) for metric in values},
        higher_is_better={metric: wanted[metric].higher_is_better for metric in values},
    )
    return {
        metric: [one is not None and one.best == 1 for one in places] for metric, places in ranges.items()
    }
