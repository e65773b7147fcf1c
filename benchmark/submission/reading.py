"""Reads the files of a submission: text from strangers, every fault noted with its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...base import quoted
from ..results import size_limit
from .findings import Findings

__all__ = ["read_csv", "read_inside", "read_json"]

MOST_CHARACTERS = 4000
"""In one value of a CSV file; image ids are checked more strictly."""


def read_inside(folder: Path, name: str, findings: Findings) -> str | None:
    """Read a file of the folder as UTF-8 text; None, with a problem noted, if that cannot be done.

    A link that leads out of the folder is not followed.
    """
    path = folder / name
    limit = size_limit(name)
    assert limit is not None, f"{name} is not a file of a bundle"
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            findings.problem(name, "it is a link that leads out of its folder; not followed")
            return None
        if path.stat().st_size > limit:
            findings.problem(name, f"it has {path.stat().st_size} bytes; expected up to {limit}")
            return None
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        findings.problem(name, "the file is missing")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        findings.problem(name, f"not UTF-8 text: {error.reason} at byte {error.start}", line=line)
    except (OSError, RuntimeError) as error:
        findings.problem(name, f"cannot be read: {str(getattr(error, 'strerror', error)).lower()}")
    return None


def read_csv(
    folder: Path, name: str, columns: Sequence[str], findings: Findings, *, more: bool = False
) -> pd.DataFrame | None:
    """Read a CSV file as text; its index is the line on which each row ends.

    Rows with another number of values are noted and left out.

    Args:
        folder: the submission's.
        name: of the file.
        columns: expected, in this order.
        findings: where faults are noted.
        more: whether further columns may follow.

    Returns:
        All columns as text, or None if the file cannot be read as such a table.
    """
    text = read_inside(folder, name, findings)
    if text is None:
        return None
    if not text.endswith("\n"):
        findings.problem(name, "the last line has no end: the file is cut short", line=text.count("\n") + 1)
    if "\r" in text or "\0" in text:
        findings.problem(name, "it holds carriage returns or NUL characters; expected lines that end in \\n")
        return None
    rows: list[list[str]] = []
    lines: list[int] = []
    faults: list[tuple[int, str]] = []
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        heading = next(reader, [])
        for row in reader:
            if len(row) != len(heading):
                faults.append((reader.line_num, f"{len(row)} values; expected {len(heading)}"))
            elif any(len(value) > MOST_CHARACTERS for value in row):
                faults.append((reader.line_num, f"a value of more than {MOST_CHARACTERS} characters"))
            else:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        findings.problem(name, f"not valid CSV: {error}", line=reader.line_num)
        return None
    findings.lines(name, faults)
    if tuple(heading[: len(columns)]) != tuple(columns) or (len(heading) > len(columns) and not more):
        given = quoted(",".join(heading), 200)
        findings.problem(name, f"columns are {given}; expected {','.join(columns)}", line=1)
        return None
    if len(set(heading)) < len(heading):
        findings.problem(name, "a column appears twice", line=1)
        return None
    return pd.DataFrame(rows, columns=heading, index=lines, dtype=str)


def read_json(folder: Path, name: str, findings: Findings) -> dict[str, Any] | None:
    """Read a JSON object; None, with a problem noted, if the file holds anything else."""
    text = read_inside(folder, name, findings)
    if text is None:
        return None
    try:
        content = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        findings.problem(name, f"not valid JSON: {error.msg.lower()}", line=error.lineno)
    except (ValueError, RecursionError) as error:
        findings.problem(name, f"not valid JSON: {str(error)[:200].lower() or 'nested too deeply'}")
    else:
        if isinstance(content, dict):
            return content
        findings.problem(name, f"expected a JSON object, not a {type(content).__name__}")
    return None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {quoted(twice)} appears twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
