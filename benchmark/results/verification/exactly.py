"""Reads files of strangers, which have to hold to the letter what a run writes."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ....base import RaybenchError, quoted
from ..files.folder import SUMMARY_COLUMNS
from ..files.layout import size_limit


class Note(Protocol):
    """Takes down what is wrong with a file."""

    def __call__(self, file: str, message: str, *, line: int | None = None) -> None:
        """Note it, with the line."""


def read_inside(folder: Path, name: str, note: Note) -> str | None:
    """Read a file of the folder as UTF-8 text; None, with a problem noted, if that cannot be done.

    A link that leads out of the folder is not followed.
    """
    path = folder / name
    limit = size_limit(name)
    assert limit is not None, f"{name} is not a file of a bundle"
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            note(name, "it is a link that leads out of its folder; not followed")
            return None
        if path.stat().st_size > limit:
            note(name, f"it has {path.stat().st_size} bytes; expected up to {limit}")
            return None
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        note(name, "the file is missing")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        note(name, f"not UTF-8 text: {error.reason} at byte {error.start}", line=line)
    except (OSError, RuntimeError) as error:
        note(name, f"cannot be read: {str(getattr(error, 'strerror', error)).lower()}")
    return None


def read_exactly(
    folder: Path,
    name: str,
    columns: Sequence[str],
    read: Callable[[Path], pd.DataFrame],
    note: Note,
) -> pd.DataFrame | None:
    """Read a CSV file that holds to the letter what a run writes.

    Args:
        folder: the submission's.
        name: of the file.
        columns: expected, in this order.
        read: reads such a file, and raises `RaybenchError` where a line is damaged.
        note: takes down faults.

    Returns:
        The rows, indexed by line; or None if the file cannot be read as such a table.
    """
    text = read_inside(folder, name, note)
    if text is None:
        return None
    if not text.endswith("\n"):
        note(name, "the last line has no end: the file is cut short", line=text.count("\n") + 1)
    if "\r" in text or "\0" in text:
        note(name, "it holds carriage returns or NUL characters; expected lines that end in \\n")
        return None
    heading = text.partition("\n")[0]
    if heading != ",".join(columns):
        given = quoted(heading, 200)
        note(name, f"columns are {given}; expected {','.join(columns)}", line=1)
        return None
    try:
        frame = read(folder / name)
    except RaybenchError as error:
        place, _, message = str(error).partition(": ")
        line = place.rpartition(", line ")[2]
        note(name, quoted(message, 300)[1:-1], line=int(line) if line.isdecimal() else None)
        return None
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    for number, message in itertools.islice(_differently_written(frame, text), 10):
        note(name, message, line=number)
    return frame


def _differently_written(frame: pd.DataFrame, text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines with a value that a run writes in another way: `1e2` for 100."""
    columns = [map(_written(frame[column]), frame[column].tolist()) for column in frame]
    reader = csv.reader(io.StringIO(text))
    next(reader)
    for line, expected, found in zip(frame.index, zip(*columns, strict=True), reader, strict=False):
        for column, word, given in zip(frame, expected, found, strict=False):
            if word != given:
                kind = "a whole number" if frame[column].dtype == np.int64 else "a number"
                words = f"expected {kind} as raybench writes it: {word}"
                yield int(line), f"{column} is {quoted(given)}; {words}"
    if text.count("\n") != len(frame) + 1 and text.endswith("\n"):
        yield len(frame) + 2, "lines are empty, or broken within a value"


def _written(values: pd.Series[Any]) -> Callable[[Any], str]:
    """Return how a run writes the values of a column; numbers of a summary have all their digits."""
    if values.dtype != np.float64:
        return str
    if values.name in SUMMARY_COLUMNS:
        whole = values.name in ("n", "n_classes", "degenerate")
        return lambda value: "" if math.isnan(value) else str(int(value)) if whole else repr(value)
    return lambda value: "" if math.isnan(value) else format(value, ".10g")
