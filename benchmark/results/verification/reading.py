"""Reads the records of rows, and keeps the queries that they share once."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....base import RaybenchError
from ..files.folder import read_records
from ..files.rows import RECORD_COLUMNS

__all__ = ["QuerySet", "QuerySets", "RowRecords", "read_row_records"]


@dataclass(frozen=True, eq=False)
class QuerySet:
    """The queries of a row, sorted by image id and class; rows on the same queries share one.

    Attributes:
        digest: of ids and classes: equal for equal sets.
        image_ids: (N,) str.
        class_index: (N,) int64.
        class_names: by class index.
    """

    digest: str
    image_ids: NDArray[np.str_]
    class_index: NDArray[np.int64]
    class_names: Mapping[int, str]

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
            names = frame.drop_duplicates("class_index")
            class_names = dict(zip(names["class_index"].tolist(), map(str, names["class_name"]), strict=True))
            self.known[digest] = QuerySet(digest, np.array(ids, dtype=np.str_), classes, class_names)
        return self.known[digest]


def read_row_records(path: Path, known: QuerySets) -> RowRecords:
    """Read a records.csv, sorted by image id and class index.

    Raises:
        RaybenchError: the file is missing or damaged, or a query stands in it twice; names the line.
    """
    frame = _sorted(read_records(path))
    _refuse_repeated(frame, path)
    metrics = [column for column in frame.columns if column not in RECORD_COLUMNS]
    values = {metric: frame[metric].to_numpy(np.float64) for metric in metrics}
    return RowRecords(known.of(frame), values, (frame["status"] != "ok").to_numpy(np.bool_))


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by image id and class index, as the runner does; most files are sorted already."""
    ids, classes = frame["image_id"].tolist(), frame["class_index"].tolist()
    keys = list(zip(ids, classes, strict=True))
    if all(before <= after for before, after in itertools.pairwise(keys)):
        return frame
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return frame.iloc[order].reset_index(drop=True)


def _refuse_repeated(frame: pd.DataFrame, path: Path) -> None:
    repeated = frame.duplicated(["image_id", "class_index"])
    if repeated.any():
        image, index = frame.loc[repeated, ["image_id", "class_index"]].iloc[0]
        raise RaybenchError(f"{path}: image {image!r} with class {index} stands there twice")
