"""The measured rows of a section for programs, at full precision."""

from __future__ import annotations

import pandas as pd

from ..results import BoardRow, Section

__all__ = ["table_csv"]


def table_csv(section: Section) -> bytes:
    """Return a line for each measured row: value, ends of the interval and place under each metric."""
    rows = [_line(section, row) for row in section.rows]
    return str(pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")).encode("utf-8", "replace")


def _line(section: Section, row: BoardRow) -> dict[str, object]:
    names = {"checkpoint": _harmless(row.checkpoint), "attribution": _harmless(row.attribution)}
    line: dict[str, object] = {**names, "queries": row.queries, "degenerate": row.degenerate}
    for metric in (column.metric for column in section.columns):
        score = row.scores.get(metric)
        line[metric] = score.value if score else None
        line[f"{metric}_ci_low"] = score.low if score else None
        line[f"{metric}_ci_high"] = score.high if score else None
        line[f"{metric}_place"] = str(score.rank) if score and score.rank else ""
    return line


def _harmless(name: str) -> str:
    """Keep a stranger's name from being a formula, which spreadsheets would run."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
