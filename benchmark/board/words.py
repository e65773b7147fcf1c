"""The plain words in which the page explains metrics, methods and kinds of training."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..results import Column, ResultFolder, Score

__all__ = [
    "architecture_name",
    "interval_text",
    "method_words",
    "metric_title",
]


def metric_title(column: Column) -> str:
    """Return the whole name of a metric."""
    return column.title or column.label


def method_words(method: str, folders: Iterable[ResultFolder]) -> str:
    """Say in one sentence how a method makes its maps, as the folders that measured it say it."""
    for folder in folders:
        facts = folder.manifest.get("facts")
        known = facts.get("methods") if isinstance(facts, dict) else None
        if isinstance(known, dict) and isinstance(known.get(method), str):
            return str(known[method])
    return ""


def interval_text(score: Score) -> str:
    """Write an interval with as many digits as its width needs; empty if it is unknown."""
    if math.isnan(score.low) or math.isnan(score.high):
        return ""
    digits = 1 if score.high - score.low >= 1 else 2
    return f"{score.low:.{digits}f}\N{EN DASH}{score.high:.{digits}f}"


def architecture_name(architecture: str) -> str:
    """Return the last part of an architecture's name: of `package.module:function`, the function."""
    return architecture.rpartition(":")[2]
