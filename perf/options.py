"""How a benchmark is run: rounds, cores, sizes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DATA_IS_MISSING", "Options", "Section"]

DATA_IS_MISSING = "needs the folder of pictures and weights that RAYBENCH_DATA names"


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        rounds: times that everything is measured, in turn.
        cores: that every way may use.
        only: tables and rows to measure, by a part of their titles; empty for all.
        limit: pictures of a measurement, or None for each section's own number.
        device: `cpu` or `cuda`, where a section runs on either.
        quick: everything tiny, and in this process instead of fresh ones: it shows that the code works.
        work: folder for large temporary files.
    """

    rounds: int = 3
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    only: str = ""
    limit: int | None = None
    device: str = "cpu"
    quick: bool = False
    work: Path | None = None

    def pick(self, usual: int, quick: int) -> int:
        """Return the number of pictures, or of whatever else, of a measurement."""
        return self.limit or (quick if self.quick else usual)

    def wants(self, title: str) -> bool:
        """Whether a table or row is to be measured."""
        return self.only in title


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes:
        name: in the command line and in the report's markers.
        measure: yields the Markdown lines after the head.
        needs_data: whether it reads the pictures and weights of RAYBENCH_DATA.
    """

    name: str
    measure: Callable[[Options], Sequence[str]]
    needs_data: bool = False
