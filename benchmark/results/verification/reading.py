"""Reads the records of rows, and keeps the queries that they share once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..files.folder import read_records
from ..files.rows import RECORD_COLUMNS
from .faults import order_faults, refuse_faults

__all__ = ["QuerySet", "QuerySets", "RowRecords", "read_row_records"]


@dataclass(frozen=True, eq=False)
class QuerySet:
    """The queries of a row, sorted by image id and class; rows on the same queries share one.

    Attributes:
        digest: of ids and classes: equal for equal sets.
        image_ids: (N,) str.
        class_index: (N,) int64.
    """

    digest: str
    image_ids: NDArray[np.str_]
    class_index: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.class_index)


@dataclass(frozen=True)
class RowRecords:
    """The records of one row.

    Attributes:
        values: by metric, (N,) float64 in percent, NaN where missing.
        degenerate: (N,) bool.
    """

    queries: QuerySet
    values: Mapping[str, NDArray[np.float64]]
    degenerate: NDArray[np.bool_]


@dataclass
class QuerySets:
    """The query sets seen so far, so that 200 rows on the same queries keep the ids of one."""

    known: dict[str, QuerySet] = field(default_factory=dict)

    def of(self, frame: pd.DataFrame) -> QuerySet:
        """Return the set of a sorted frame of records."""
        ids = frame["image_id"].tolist()
        classes = frame["class_index"].to_numpy(np.int64)
        # the lengths tell ids that hold a NUL from two ids
        text = "\0".join(ids).encode("utf-8", "surrogatepass") + np.array([*map(len, ids)]).tobytes()
        digest = hashlib.blake2b(text + classes.tobytes(), digest_size=16).hexdigest()
        if digest not in self.known:
            self.known[digest] = QuerySet(digest, np.array(ids, dtype=np.str_), classes)
        return self.known[digest]


def read_row_records(path: Path, known: QuerySets) -> tuple[pd.DataFrame, RowRecords]:
    """Read a records.csv; its rows have to be in order, each query once.

    Raises:
        RaybenchError: the file is missing or damaged; names the line.
    """
    frame = read_records(path)
    frame.index += 2  # the line
    refuse_faults(path, order_faults(frame, ("image_id", "class_index")))
    metrics = [column for column in frame.columns if column not in RECORD_COLUMNS]
    values = {metric: frame[metric].to_numpy(np.float64) for metric in metrics}
    return frame, RowRecords(known.of(frame), values, (frame["status"] != "ok").to_numpy(np.bool_))
