"""How far a run is, read from its folder while it goes on, after it was stopped, or at its end."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base import RaybenchError
from .files.folder import NO_CHECKPOINT
from .files.manifest import mapping, read_manifest
from .files.names import PREDICTIONS, RECORDS, ResultFiles
from .files.rows import images_in


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    Attributes:
        complete: whether it has ended.
        images: number of images that it is to measure.
        rows: images measured by checkpoint and attribution; the attribution is empty for predictions.
        skipped: number of images that could not be used; known when the run has ended.
        command: that goes on.
        manifest: its run.json.
    """

    complete: bool
    images: int
    rows: Mapping[tuple[str, str], int]
    skipped: int
    command: str
    manifest: Mapping[str, Any]

    def lines(self) -> list[str]:
        """Say it, a line for each row."""
        width = max((len(f"{one} {other}") for one, other in self.rows), default=0)
        rows = [
            f"{f'{checkpoint} {attribution or PREDICTIONS}':{width + len(PREDICTIONS)}} "
            f"{count} of {self.images} images"
            for (checkpoint, attribution), count in self.rows.items()
        ]
        if not self.complete:
            return [*rows, f"unfinished; the same command goes on: {self.command}"]
        return [*rows, f"complete; {self.skipped} images were left out"]

    def plain(self) -> dict[str, Any]:
        """Say it to programs."""
        rows = [
            {"checkpoint": checkpoint, "attribution": attribution or None, "images": count}
            for (checkpoint, attribution), count in self.rows.items()
        ]
        return {
            "complete": self.complete,
            "images": self.images,
            "skipped": self.skipped,
            "command": self.command,
            "rows": rows,
        }


def standing_of(path: Path) -> Standing:
    """Read how far the run in a folder is.

    Images that nothing asks about have predictions alone, so that a row may end below the number of images.

    Raises:
        RaybenchError: no run has begun in the folder, or a file is damaged.
    """
    files = ResultFiles(path)
    manifest = read_manifest(files.manifest)
    if not manifest:
        raise RaybenchError(
            f"no run has begun in {path}: it holds no {files.manifest.name}; give the --out folder of "
            "`raybench run`"
        )
    there, suite = manifest.get("dataset", {}).get("images", 0), mapping(manifest.get("suite"))
    limits = [count for count in (manifest.get("limit"), suite.get("images")) if count]
    rows = {}
    for name in [*(card["name"] for card in manifest.get("checkpoints", ())), NO_CHECKPOINT]:
        for label in ["", *(method["name"] for method in manifest.get("attributions", ()))]:
            file = files.records(name, label) if label else files.predictions(name)
            stem = RECORDS if label else PREDICTIONS
            if file.is_file() or any(file.parent.glob(f"{Path(stem).stem}.part-*.csv")):
                rows[name, label] = images_in(file)
    return Standing(
        complete=manifest.get("status") == "complete",
        images=min(there, *limits) if limits else there,
        rows=rows,
        skipped=len(manifest.get("skipped", ())),
        command=shlex.join(map(str, manifest.get("command", ["raybench", "run"]))),
        manifest=manifest,
    )
