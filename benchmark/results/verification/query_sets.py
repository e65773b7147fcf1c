"""Keeps the queries that rows share once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray


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
