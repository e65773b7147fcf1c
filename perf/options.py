"""How a benchmark is run: rounds, cores, sizes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


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
    """

    rounds: int = 3
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    only: str = ""
    limit: int | None = None
    device: str = "cpu"
    quick: bool = False

    def pick(self, usual: int, quick: int) -> int:
        """Return the number of pictures, or of whatever else, of a measurement."""
        return self.limit or (quick if self.quick else usual)

    def wants(self, title: str) -> bool:
        """Whether a table or row is to be measured."""
        return self.only in title
