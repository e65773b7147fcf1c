"""A suite small enough to run many times, and what a run of it wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

IMAGES = 12


@dataclass(frozen=True)
class TinySuite:
    """Paths of everything a run needs."""

    folder: Path
    data: Path
    suite: Path

    def with_suite(self, name: str = "changed.yaml", **changes: object) -> Path:
        """Write the suite with some keys changed, added, or (None) removed, beside the first."""
        content = yaml.safe_load(self.suite.read_text()) | changes
        path = self.folder / name
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path


def result_bytes(out: Path) -> dict[str, bytes]:
    """Contents of all CSV files of a result folder."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.csv"))}


def manifest_of(out: Path) -> dict[str, Any]:
    """Content of run.json."""
    content: dict[str, Any] = json.loads((out / "run.json").read_text())
    return content
