"""What the files of a result folder are called; no other room names them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST, SUMMARY, NOTES, SUBSETS = "run.json", "summary.csv", "notes.csv", "subsets.csv"
PREDICTIONS = "predictions.csv"
RECORDS, STATISTICS, CURVES = "records.csv", "statistics.csv", "curves.csv"

_UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]")


def safe_name(name: str) -> str:
    """Return `name` as a file name: itself if it is harmless, else a readable stem and a hash.

    Image ids come from strangers' files and may hold slashes, `..`, or characters that a file system refuses.
    """
    plain = _UNSAFE.sub("_", name)[:80].lstrip(".-")
    if plain == name and name:
        return name
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


@dataclass(frozen=True)
class ResultFiles:
    """Paths of the files of the result folder `out`, whether they are there or not."""

    out: Path

    @property
    def manifest(self) -> Path:
        """What was measured, how, and what was noticed."""
        return self.out / MANIFEST

    @property
    def summary(self) -> Path:
        """One row per checkpoint, attribution, metric and aggregate."""
        return self.out / SUMMARY

    def summary_of(self, subset: str) -> Path:
        """The same of the queries of a subset alone; of all if its name is empty."""
        return self.out / f"summary-{safe_name(subset)}.csv" if subset else self.summary

    @property
    def subsets(self) -> Path:
        """Which subsets each query belongs to, for datasets that sort theirs."""
        return self.out / SUBSETS

    @property
    def notes(self) -> Path:
        """Remarks of the dataset on images."""
        return self.out / NOTES

    @property
    def gallery(self) -> Path:
        """Which images have thumbnails, and why."""
        return self.out / "gallery" / "gallery.json"

    def predictions(self, checkpoint: str) -> Path:
        """A checkpoint's classes of each image."""
        return self.out / safe_name(checkpoint) / PREDICTIONS

    def records(self, checkpoint: str, attribution: str) -> Path:
        """A row's values of each query."""
        return self._row(checkpoint, attribution) / RECORDS

    def statistics(self, checkpoint: str, attribution: str) -> Path:
        """A row's sums of each query, for metrics of the whole set."""
        return self._row(checkpoint, attribution) / STATISTICS

    def curves(self, checkpoint: str, attribution: str) -> Path:
        """A row's curves of each query."""
        return self._row(checkpoint, attribution) / CURVES

    def _row(self, checkpoint: str, attribution: str) -> Path:
        return self.out / safe_name(checkpoint) / safe_name(attribution)
