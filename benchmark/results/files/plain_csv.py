"""Reads plain CSV files faster than Python's reader can, and leaves all others to it."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_COMMA, _NEWLINE = ord(","), ord("\n")
_SPECIAL = (b'"', b"\r", b"\0", b"\xef\xbb\xbf")  # what makes a file more than values, commas and newlines
LARGEST = 2**53
"""Integers from here on are rounded by a reader that takes all numbers for floats."""


def read_plain(path: Path) -> pd.DataFrame | None:
    """Read a CSV file whose every line has as many values as its heading, none of them quoted.

    Returns:
        The values as text, indexed by line from 1, exactly as `csv.reader` gives them. None for any other
        file, be it damaged, unreadable, empty, or merely holding a quoted value: a careful reader is to
        read it, and to find the words for what is wrong.
    """
    found = _plain_content(path)
    if found is None:
        return None
    columns, rest = found
    frame = _parsed(rest, columns, dict.fromkeys(columns, str))
    frame.index = pd.Index(np.arange(2, len(frame) + 2))
    return frame


def read_plain_records(path: Path, text: Collection[str], integers: Collection[str]) -> pd.DataFrame | None:
    """Read a plain CSV file, the columns `text` as text, `integers` as int64, and all others as float64.

    Returns:
        A frame with an index from 0; None if the file is not plain, lacks one of these columns or a value,
        or has a value that is not a finite number.
    """
    found = _plain_content(path)
    if found is None or not {*text, *integers} <= set(found[0]):
        return None
    columns, rest = found
    numbers = [column for column in columns if column not in text]
    first = dict(zip(columns, rest.partition(b"\n")[0].decode().split(","), strict=True))
    if any(first[column].lower() in ("true", "false") for column in numbers):
        return None  # pandas takes a column of these for numbers
    try:
        # integers are parsed as floats too: pandas warns of an `inf` or `1e100` in a column of integers
        frame = _parsed(rest, columns, {**dict.fromkeys(columns, str), **dict.fromkeys(numbers, np.float64)})
    except (ValueError, OverflowError):
        return None
    finite = all(np.isfinite(frame[column]).all() for column in numbers)
    exact = all(((frame[column] % 1 == 0) & (frame[column].abs() < LARGEST)).all() for column in integers)
    return frame.astype(dict.fromkeys(integers, np.int64)) if finite and exact else None


def _parsed(content: bytes, columns: list[str], types: dict[str, Any]) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(
        io.BytesIO(content),
        header=None,
        names=columns,
        dtype=types,
        na_filter=False,
        quoting=csv.QUOTE_NONE,
        skip_blank_lines=False,
        low_memory=False,
        index_col=False,
        **_every_bit(),
    )
    return frame


@functools.cache
def _every_bit() -> dict[str, Any]:
    """What makes pandas read numbers to the last bit: older ones have to be asked, newer ones warn."""
    number = "91.66666666666667"
    read = pd.read_csv(io.StringIO(number), header=None).iloc[0, 0]
    return {} if read == float(number) else {"float_precision": "round_trip"}


def _plain_content(path: Path) -> tuple[list[str], bytes] | None:
    """Split a plain file into the names of its columns and all lines below; None if it is not plain."""
    try:
        content = path.read_bytes()
        content.decode()
    except (OSError, UnicodeDecodeError):
        return None
    heading, _, rest = content.partition(b"\n")
    columns = heading.decode().split(",")
    if any(mark in content for mark in _SPECIAL) or len(columns) < 2 or len(set(columns)) < len(columns):
        return None
    return (columns, rest) if _regular(rest, len(columns)) else None


def _regular(content: bytes, n_columns: int) -> bool:
    """Say whether there are lines, all with `n_columns` values and no longer than csv.reader takes."""
    if not content:
        return False
    text = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(text == _NEWLINE)
    if text[-1] != _NEWLINE:
        ends = np.append(ends, len(text))
    starts = np.concatenate(([0], ends[:-1] + 1))
    commas = np.flatnonzero(text == _COMMA)
    if len(commas) != len(ends) * (n_columns - 1):
        return False
    first, last = commas[:: n_columns - 1], commas[n_columns - 2 :: n_columns - 1]
    in_line = (first >= starts) & (last < ends)
    return bool(in_line.all() and (ends - starts).max() < csv.field_size_limit())
