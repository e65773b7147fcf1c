"""How far the records of one run lie from those of another, query by query."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

__all__ = ["Differences", "compare"]

_KEYS = ["image_id", "class_index"]


@dataclass(frozen=True)
class Differences:
    """What differs between two runs.

    Attributes:
        records: that both runs have.
        equal: that are the same to the last digit.
        largest: difference of each metric, in points.
        hits: queries that one run hits and the other misses.
        peaks: queries whose most salient pixel is another.
        missing: records that only one of the runs has.
    """

    records: int
    equal: int
    largest: dict[str, float]
    hits: int
    peaks: int
    missing: int = 0

    def cells(self) -> list[str]:
        """Cells of a table: equal records, SPG, CH, hits, peaks."""
        if self.equal == self.records and not self.missing:
            return [f"all {self.records}", "0", "0", "0", "0"]
        told = f"{self.equal} of {self.records}" + (f", {self.missing} missing" if self.missing else "")
        names = ("stochastic_pointing_game", "content_heatmap")
        return [told, *(f"{self.largest[name]:.3g}" for name in names), str(self.hits), str(self.peaks)]


def compare(expected: Path, found: Path) -> Differences:
    """Compare all records of two result folders; those of `expected` alone if it measured fewer pictures."""
    pairs = [
        _pair(path, found / path.relative_to(expected)) for path in sorted(expected.rglob("records.csv"))
    ]
    both = pd.concat([pair for pair, _ in pairs])
    names = [name.removesuffix("_x") for name in both.columns if name.endswith("_x")]
    same = pd.concat([both[f"{name}_x"].eq(both[f"{name}_y"]) for name in names], axis=1)
    metrics = ("pointing_game", "stochastic_pointing_game", "content_heatmap")
    largest = {
        name: float((both[f"{name}_x"].astype(float) - both[f"{name}_y"].astype(float)).abs().max())
        for name in metrics
    }
    points = both["point_x_x"].eq(both["point_x_y"]) & both["point_y_x"].eq(both["point_y_y"])
    return Differences(
        records=len(both),
        equal=int(same.all(axis=1).sum()),
        largest=largest,
        hits=int((~both["pointing_game_x"].eq(both["pointing_game_y"])).sum()),
        peaks=int((~points).sum()),
        missing=sum(missing for _, missing in pairs),
    )


def _pair(expected: Path, found: Path) -> tuple[pd.DataFrame, int]:
    """Put the rows of two files side by side, as text; and count those of the first that the second lacks."""
    left = pd.read_csv(expected, dtype=str, keep_default_na=False)
    right = pd.read_csv(found, dtype=str, keep_default_na=False)
    both = left.merge(right, on=_KEYS)
    return both, len(left) - len(both)
