"""What happened to pictures while they were measured, in the sentences that stand below every table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .folder import ResultFolder, safe_name

__all__ = ["remarks"]


def remarks(runs: Sequence[ResultFolder]) -> tuple[str, ...]:
    """Say how many pictures were skipped, and what was noted on others; empty if there is nothing to say.

    Of several runs, a sentence that not all of them share names its folder.
    """
    said = [_of_run(run) for run in runs]
    everywhere = [line for line in (said[0] if said else []) if all(line in lines for lines in said)]
    own = [
        f"{run.path}: {line}"
        for run, lines in zip(runs, said, strict=True)
        for line in lines
        if line not in everywhere
    ]
    return (*everywhere, *own)


def _of_run(run: ResultFolder) -> list[str]:
    skipped, noted = run.manifest.get("skipped"), run.manifest.get("notes")
    lines = []
    if isinstance(skipped, list) and skipped:
        lines.append(f"skipped, as they could not be used: {_pictures(len(skipped))}; run.json says why")
    lines += _lost_rows(run)
    if isinstance(noted, dict):
        lines += [f"{_pictures(count)}: {note}" for note, count in sorted(noted.items()) if _is_count(count)]
    return lines


def _lost_rows(run: ResultFolder) -> list[str]:
    """Name the files of records that hold fewer rows than the summary counts.

    A folder without any records, such as a summary that somebody passed on, is not looked at.
    """
    counted: dict[Path, int] = {}
    for row in run.rows:
        if row["attribution"] and row["n"] == row["n"] and row["aggregate"] != "whole_set":
            path = run.path / safe_name(row["checkpoint"]) / safe_name(row["attribution"]) / "records.csv"
            counted[path] = max(counted.get(path, 0), int(row["n"]))
    if not any(path.is_file() for path in counted):
        return []
    lines = []
    for path, expected in counted.items():
        found = path.read_bytes().count(b"\n") - 1 if path.is_file() else 0
        if found < expected:
            place = path.relative_to(run.path)
            lines.append(
                f"{place} holds {max(found, 0):,} of the {expected:,} rows that the summary counts: rows are "
                "missing; measure them by the run's own command"
            )
    return lines


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _pictures(count: int) -> str:
    return f"{count:,} picture{'s' if count != 1 else ''}"
