"""Whether a result folder holds what a run measured: at the end of the run, and, cheaply, for readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ...base import RaybenchError
from ..statistics import Facts
from .files.folder import NO_CHECKPOINT, ResultFolder, read_lists, read_predictions, read_records
from .files.names import PREDICTIONS, ResultFiles

Reader = Callable[[Path], pd.DataFrame]


@dataclass(frozen=True)
class Gap:
    """What a file lacks.

    Attributes:
        image_id: the first image that is missing, or has not all of its rows.
        images: number of such images.
        partial: whether any of them has some of its rows.
    """

    path: Path
    image_id: str
    images: int
    partial: bool = False

    def __str__(self) -> str:
        """Say it in half a sentence."""
        if self.images == 1:
            return f"{self.path} lacks rows of image {self.image_id!r}"
        return f"{self.path} lacks the rows of {self.images} images, the first of them {self.image_id!r}"


def find_gaps(
    out: Path,
    rows: Collection[tuple[str, str]],
    metrics: Sequence[Facts],
    image_ids: Sequence[str],
    without_queries: Collection[str] = (),
) -> list[Gap]:
    """Compare the files below `out` with what a run was to measure.

    Each row has a records.csv, and, where metrics keep them, a statistics.csv and a curves.csv. They hold the
    same queries of every image, each once. Each checkpoint has a predictions.csv with every image, if a
    metric asks for it. What the files hold of other images does not matter.

    Args:
        out: result folder.
        rows: checkpoints and attributions that were measured; the attribution is empty for a checkpoint
            itself, whose predictions count.
        metrics: of the suite.
        image_ids: images that were selected and could be used.
        without_queries: those of them that nothing asks about; they have predictions alone.

    Raises:
        RaybenchError: a file is damaged, or holds a query twice.
    """
    asking = [image_id for image_id in image_ids if image_id not in set(without_queries)]
    files = list(_files(out, rows, metrics))
    every: set[tuple[str, int]] = set()
    counts: dict[Path, int] = {}
    for path, reader in files:
        if reader is not read_predictions:
            held = _held(path, reader, asking)
            counts[path] = len(held)
            every |= held
    gaps = []
    for path, reader in files:
        if reader is read_predictions:
            there = set(_frame(path, reader)["image_id"])
            found, partial = [one for one in image_ids if one not in there], False
        else:  # a file with as many queries as there are is not read again
            held = every if counts[path] == len(every) else _held(path, reader, asking)
            there, less = ({image_id for image_id, _ in some} for some in (held, every - held))
            found = [one for one in asking if one in less or one not in there]
            partial = not there.isdisjoint(found)
        if found:
            gaps.append(Gap(path, found[0], len(found), partial))
    return gaps


def _held(path: Path, reader: Reader, image_ids: Collection[str]) -> set[tuple[str, int]]:
    """Return the queries that a file holds of some images; refuse one that stands there twice."""
    frame = _frame(path, reader)
    frame = frame.loc[frame["image_id"].isin(image_ids), ["image_id", "class_index"]]
    for image_id, index in frame[frame.duplicated()].itertuples(index=False):
        raise RaybenchError(f"{path}: image {image_id!r} with class {index} stands there twice")
    return set(frame.itertuples(index=False, name=None))


def lost_rows(run: ResultFolder) -> list[str]:
    """Name the files that hold fewer rows than the summary counts, and the first image that is missing.

    Lines are counted, not read, as long as there are enough. A folder without any records, such as a summary
    that somebody passed on, is not looked at.

    Raises:
        RaybenchError: a file cannot be read.
    """
    counted = _counted(run)
    if not any(path.is_file() for path in counted):
        return []
    return [line for path, n in counted.items() if (line := _lost(run, path, n))]


def refuse_lost_rows(run: ResultFolder, paths: Collection[Path]) -> None:
    """Refuse to compute anything from files that hold fewer rows than the summary counts.

    Raises:
        RaybenchError: names the first such file, and the first image that is missing.
    """
    for path, n in _counted(run).items():
        line = _lost(run, path, n) if path in paths else None
        if line:
            raise RaybenchError(f"{run.path}: {line}")


def first_lost(run: ResultFolder, path: Path) -> str | None:
    """Name the first image of which other files of a run have more rows than `path`."""
    reader = read_predictions if path.name == PREDICTIONS else read_records
    held = set(_keys(_frame(path, reader), path))
    for other in _counted(run):
        if other != path and other.name == path.name and other.is_file():
            lost = [key[0] for key in _keys(reader(other), path) if key not in held]
            if lost:
                return str(lost[0])
    return None


def _files(
    out: Path, rows: Collection[tuple[str, str]], metrics: Sequence[Facts]
) -> Iterator[tuple[Path, Reader]]:
    files = ResultFiles(out)
    for checkpoint, attribution in rows:
        if not attribution:
            if any(metric.of_predictions for metric in metrics):
                yield files.predictions(checkpoint), read_predictions
            continue
        yield files.records(checkpoint, attribution), read_records
        if any(metric.of_set for metric in metrics):
            yield files.statistics(checkpoint, attribution), read_lists
        if checkpoint != NO_CHECKPOINT and any(metric.curve for metric in metrics):
            yield files.curves(checkpoint, attribution), read_lists


def _frame(path: Path, reader: Reader) -> pd.DataFrame:
    """Read a file; one that is not there holds nothing."""
    return reader(path) if path.is_file() else pd.DataFrame({"image_id": [], "class_index": []})


def _counted(run: ResultFolder) -> dict[Path, int]:
    """The most queries, or images, that the summary counts of each file, or rows that the run noted."""
    counts: dict[Path, int] = {}
    for row in run.rows:
        checkpoint, name = row["checkpoint"], row["attribution"]
        path = run.files.records(checkpoint, name) if name else run.files.predictions(checkpoint)
        n: Any = row["n"]
        counts[path] = max(counts.get(path, 0), 0 if math.isnan(n) else int(n))
    noted = run.manifest.get("rows")
    for path in counts:
        known = noted.get(path.relative_to(run.path).as_posix(), 0) if isinstance(noted, dict) else 0
        counts[path] = max(counts[path], known if isinstance(known, int) else 0)
    return counts


def _lines(path: Path) -> int:
    """Count the lines below the heading; none if there is no such file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise RaybenchError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    return max(0, content.count(b"\n") + (not content.endswith(b"\n")) - 1)


def _lost(run: ResultFolder, path: Path, expected: int) -> str | None:
    found = _lines(path)
    if found >= expected:
        return None
    image_id = first_lost(run, path)
    first = f", the first of image {image_id!r}" if image_id is not None else ""
    return (
        f"{path.relative_to(run.path)} holds {found:,} of the {expected:,} rows that the summary counts: "
        f"rows are missing{first}; measure them by the run's own command"
    )


def _keys(frame: pd.DataFrame, path: Path) -> list[tuple[Any, ...]]:
    """What tells rows apart: the image, and the class where a file has a row per query."""
    columns = ["image_id"] if path.name == PREDICTIONS else ["image_id", "class_index"]
    return list(frame[columns].itertuples(index=False, name=None))
