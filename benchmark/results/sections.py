"""What the leaderboard shows, before it is drawn: sections of comparable rows, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .files.folder import ResultFolder
from .scores import Column, Score


@dataclass(frozen=True, eq=False)
class BoardRow:
    """A checkpoint under an attribution, as one run measured them.

    Attributes:
        key: unique on the board and safe in URLs, HTML ids and file names: `[a-z0-9-]+`.
        folder: of the run.
        checkpoint: its name, or `none` for methods that need no network.
        attribution: the label that records carry.
        method: the registered method behind the label.
        architecture, training: from the checkpoint's card; empty if there is none.
        scores: by metric; metrics without a score are left out.
        values: by localisation metric, one value in percent per query (N,), float32, in the order of the
            section's queries; empty if the row was measured on other queries than the section's.
        queries: how many the scores are means of.
        degenerate: queries whose map was all zero, constant, cancelled or NaN.
        note: what a reader must know about the row, such as why it is not ranked; may be empty.
        alarm: which sanity check the method fails with this checkpoint, on any data; may be empty.
    """

    key: str
    folder: ResultFolder
    checkpoint: str
    attribution: str
    method: str
    architecture: str
    training: str
    scores: Mapping[str, Score]
    values: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    queries: int = 0
    degenerate: int = 0
    note: str = ""
    alarm: str = ""


@dataclass(frozen=True)
class PublishedRow:
    """A published row of the section's dataset and protocol for which there is no measured one."""

    source: str
    architecture: str
    training: str
    attribution: str
    scores: Mapping[str, Score]
    mark: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """The rows of one dataset under one protocol: the ones that may be compared.

    Attributes:
        key: as in `BoardRow.key`, unique among the sections.
        dataset: name with the split, as suites write it.
        dataset_title: the same as people write it.
        protocol: its name; `protocol_id` its hash.
        changes: how the protocol departs from the standard one of its name; empty if it does not.
        columns: the metrics, those of the checkpoint (accuracy, F1) first.
        image_ids: (N,) str, of the queries that most rows have in common, sorted by image id and class.
        class_index: (N,) int64, of the same queries.
        class_names: by class index.
    """

    key: str
    title: str
    dataset: str
    dataset_title: str
    protocol: str
    columns: tuple[Column, ...]
    protocol_id: str = ""
    changes: str = ""
    rows: tuple[BoardRow, ...] = ()
    published: tuple[PublishedRow, ...] = ()
    image_ids: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=np.str_))
    class_index: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    class_names: Mapping[int, str] = field(default_factory=dict)

    @property
    def sorting(self) -> tuple[Column, ...]:
        """What rows are sorted by, best first, each where those before have no value.

        The last metric of the first group of maps leads; no score mixes groups.
        """
        ranked = [column for column in reversed(self.columns) if column.ranked]
        groups = [column.place for column in ranked if not column.about_checkpoint]
        return tuple(sorted(ranked, key=lambda column: column.place != min(groups, default=None)))


@dataclass(frozen=True)
class Excluded:
    """A folder, or one row of it, that is not on the board, and why: one sentence."""

    path: Path
    reason: str


@dataclass(frozen=True, eq=False)
class Board:
    """Everything the site shows."""

    sections: tuple[Section, ...]
    excluded: tuple[Excluded, ...]
