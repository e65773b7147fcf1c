"""Reads what a run has written: its manifest, summary and records, with the line of any damage."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....base import RaybenchError
from .lists import LIST_COLUMNS
from .manifest import by_name, mapping, read_manifest
from .names import ResultFiles
from .plain_csv import LARGEST, read_plain, read_plain_records

NO_CHECKPOINT = "none"
"""Folder and row name of methods that need no network."""

SUMMARY_COLUMNS = (
    "suite",
    "protocol",
    "protocol_id",
    "dataset",
    "checkpoint",
    "attribution",
    "metric",
    "aggregate",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "n_classes",
    "degenerate",
)
"""Columns of summary.csv: one row per checkpoint, attribution, metric and aggregate."""

_RECORD_TEXT = ("image_id", "class_name", "status")
_RECORD_INTEGERS = ("class_index", "point_x", "point_y")


@dataclass(frozen=True, eq=False)
class ResultFolder:
    """The output folder of one run.

    Attributes:
        path: the folder.
        summary: `summary.csv`; see `read_summary`.
        manifest: `run.json`; empty if there is none.
        subset: of whose queries alone the summary is; empty for all.
    """

    path: Path
    summary: pd.DataFrame
    manifest: Mapping[str, Any]
    subset: str = ""

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the summary."""
        return [{str(key): value for key, value in row.items()} for row in self.summary.to_dict("records")]

    @cached_property
    def by_row(self) -> dict[tuple[str, str], dict[tuple[str, str], Mapping[str, Any]]]:
        """The same by checkpoint and attribution, which is empty for predictions; by metric and aggregate."""
        found: dict[tuple[str, str], dict[tuple[str, str], Mapping[str, Any]]] = {}
        for row in self.rows:
            key = (row["checkpoint"], row["attribution"])
            found.setdefault(key, {})[row["metric"], row["aggregate"]] = row
        return found

    @property
    def network_rows(self) -> list[tuple[str, str]]:
        """Checkpoint and attribution of each row of maps that has a network."""
        return [row for row in self.by_row if row[1] and row[0] != NO_CHECKPOINT]

    @property
    def protocol(self) -> str:
        """Name of the protocol; empty if the summary has no row."""
        return str(self.summary["protocol"].iloc[0]) if len(self.summary) else ""

    @property
    def dataset(self) -> Mapping[str, Any]:
        """The manifest's facts about the dataset."""
        return mapping(self.manifest.get("dataset"))

    @property
    def protocol_fields(self) -> Mapping[str, Any]:
        """The fields of the protocol, by name."""
        return mapping(mapping(self.manifest.get("protocol")).get("fields"))

    @cached_property
    def metric_options(self) -> Mapping[str, Mapping[str, Any]]:
        """The options of each metric, by name."""
        return {name: mapping(options) for name, options in mapping(self.manifest.get("metrics")).items()}

    @cached_property
    def checkpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """The manifest's facts about each checkpoint, by name."""
        return by_name(self.manifest.get("checkpoints"))

    @cached_property
    def attributions(self) -> Mapping[str, Mapping[str, Any]]:
        """The manifest's facts about each attribution, by the label that results carry."""
        return by_name(self.manifest.get("attributions"))

    @cached_property
    def weights(self) -> Mapping[str, str]:
        """SHA-256 of the weights of each checkpoint, by name, where it is known."""
        hashes = mapping(self.manifest.get("weights_sha256"))
        return {name: sha256 for name, sha256 in hashes.items() if isinstance(sha256, str) and sha256}

    @property
    def files(self) -> ResultFiles:
        """Where its files are."""
        return ResultFiles(self.path)

    def records(self, checkpoint: str, attribution: str) -> pd.DataFrame:
        """Read the records of one checkpoint and attribution; see `read_records`."""
        return read_records(self.files.records(checkpoint, attribution))


def open_results(path: str | Path, subset: str = "") -> ResultFolder:
    """Read the manifest and the summary of a run, of the queries of a subset alone if one is named.

    Raises:
        RaybenchError: no such folder, no run has finished in it, its queries are not sorted into such a
            subset, or a file is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise RaybenchError(f"no folder {path}; give the --out folder of `raybench run`")
    files = ResultFiles(path)
    if not files.summary.is_file() and files.manifest.is_file():
        command = shlex.join(map(str, read_manifest(files.manifest).get("command") or ["raybench", "run"]))
        raise RaybenchError(
            f"the run in {path} is unfinished: `raybench status {path}` says how far it is, and the same "
            f"command goes on: {command}"
        )
    if not files.summary.is_file():
        raise RaybenchError(
            f"{path} has no {files.summary.name}; measure first with `raybench run SUITE --out {path}`"
        )
    summary = files.summary_of(subset)
    if not summary.is_file():
        raise RaybenchError(
            f"{path} has no {summary.name}: no query that was measured belongs to a subset {subset!r}"
        )
    return ResultFolder(path, read_summary(summary), read_manifest(files.manifest), subset)


def read_summary(path: Path) -> pd.DataFrame:
    """Read a summary.csv: text columns as text, missing values as NaN.

    Raises:
        RaybenchError: the file is damaged; names the line.
    """
    numbers = SUMMARY_COLUMNS[SUMMARY_COLUMNS.index("value") :]
    frame = read_text(path, SUMMARY_COLUMNS)
    for column in numbers:
        frame[column] = _numbers(frame[column], path, column)
    return frame.reset_index(drop=True)


def read_records(path: Path) -> pd.DataFrame:
    """Read a records.csv: ids, class names and status as text, the point as integers, each metric as float.

    Raises:
        RaybenchError: the file is missing or damaged; names the line.
    """
    plain = read_plain_records(path, _RECORD_TEXT, _RECORD_INTEGERS)
    if plain is not None:
        return plain
    frame = read_text(path, (*_RECORD_TEXT, *_RECORD_INTEGERS))
    for column in frame.columns:
        if column in _RECORD_TEXT:
            continue
        frame[column] = _numbers(frame[column], path, column)
        if column in _RECORD_INTEGERS:
            wrong = frame[column].isna() | (frame[column] % 1 != 0) | (frame[column].abs() >= LARGEST)
            _refuse(wrong, path, f"{column} is not an integer")
            frame[column] = frame[column].astype(np.int64)
    return frame.reset_index(drop=True)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a predictions.csv, all columns as text.

    Raises:
        RaybenchError: the file is missing or damaged; names the line.
    """
    return read_text(path, ("image_id", "targets", "top5", "positives")).reset_index(drop=True)


def read_lists(path: Path) -> pd.DataFrame:
    """Read a curves.csv or statistics.csv: image_id, class_index, and a column of text per metric.

    Raises:
        RaybenchError: the file is missing or damaged; names the line.
    """
    frame = read_text(path, LIST_COLUMNS)
    numbers = _numbers(frame["class_index"], path, "class_index")
    _refuse(numbers.isna() | (numbers % 1 != 0), path, "class_index is not an integer")
    return frame.assign(class_index=numbers.astype(np.int64)).reset_index(drop=True)


def read_text(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV as text, so that an image called `0012` or `NA` keeps its name; check its columns.

    The index of the frame is the line, from 1, on which each row ends. A plain file is read fast; any other,
    and any damage, is left to Python's reader, which tells the line.
    """
    plain = read_plain(path)
    if plain is not None and set(columns) <= set(plain.columns):
        return plain
    rows, lines = [], []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(_without_nul(file, path), strict=True)
            heading = next(reader, [])
            for row in reader:
                if not row:
                    continue
                if len(row) != len(heading):
                    place = f"{path}, line {reader.line_num}"
                    raise RaybenchError(f"{place}: {len(row)} values, expected {len(heading)}")
                rows.append(row)
                lines.append(reader.line_num)
    except FileNotFoundError:
        raise RaybenchError(f"{path} is missing; measure it with `raybench run`") from None
    except csv.Error as error:
        raise RaybenchError(f"{path}, line {reader.line_num}: not valid CSV: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RaybenchError(f"cannot read {path}: {error}") from None
    missing = [column for column in columns if column not in heading]
    if missing:
        raise RaybenchError(f"{path}, line 1: no column {', '.join(missing)}")
    if len(set(heading)) < len(heading):
        raise RaybenchError(f"{path}, line 1: a column appears twice")
    return pd.DataFrame(rows, columns=heading, index=lines, dtype=str)


def _without_nul(lines: Iterable[str], path: Path) -> Iterator[str]:
    """Pass on lines; refuse what unfinished writes may leave, which some versions of Python read as text."""
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise RaybenchError(f"{path}, line {number}: a NUL byte; the file is damaged")
        yield line


def _numbers(texts: pd.Series[str], path: Path, column: str) -> pd.Series[float]:
    """Turn text into floats, empty into NaN."""
    numbers = pd.to_numeric(texts, errors="coerce").astype(np.float64)
    wrong = (numbers.isna() | np.isinf(numbers)) & (texts != "")
    example = texts[wrong].iloc[0] if wrong.any() else ""
    _refuse(wrong, path, f"{column} is {example!r}, not a number")
    filled = (texts != "").to_numpy()  # older versions of pandas lose the last bit
    numbers[filled] = np.array([float(text) for text in texts[filled]], dtype=np.float64)
    return numbers


def _refuse(wrong: pd.Series[bool], path: Path, message: str) -> None:
    if wrong.any():
        raise RaybenchError(f"{path}, line {wrong.index[wrong][0]}: {message}")
