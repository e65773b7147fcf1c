"""Empties a result folder for a run that measures anew, and finds what lies in one."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .folder import NO_CHECKPOINT
from .names import safe_name
from .rows import PREDICTION_COLUMNS, RECORD_COLUMNS, RowStore
from .writing import disk_error


def clear_results(out: Path, *manifests: Mapping[str, Any]) -> None:
    """Remove everything that runs measured, but no file of anybody else.

    All of it goes before the new run begins: what stayed of another protocol would pass for a part of the
    new run, once that is stopped and goes on.

    Args:
        out: result folder.
        manifests: of the runs; say which checkpoints and attributions to look for.

    Raises:
        RaybenchError: a file cannot be removed.
    """
    checkpoints, attributions = (_names(manifests, key) for key in ("checkpoints", "attributions"))
    try:
        for name in ("summary.csv", "run.json"):
            (out / name).unlink(missing_ok=True)
        RowStore(out / "notes.csv", ()).clear()
        _remove_folder(out / "gallery")
        for checkpoint in checkpoints | {NO_CHECKPOINT}:
            RowStore(out / checkpoint / "predictions.csv", ()).clear()
            for attribution in attributions:
                for name in ("records.csv", "curves.csv", "statistics.csv"):
                    RowStore(out / checkpoint / attribution / name, ()).clear()
                _remove_folder(out / checkpoint / attribution / "gallery")
    except OSError as error:
        raise disk_error(Path(error.filename or out), error) from None


def results_in(out: Path) -> dict[str, list[dict[str, str]]]:
    """Name the checkpoints and attributions whose rows lie in a folder, as a manifest does; empty if none.

    Files without a row, as a run leaves them that was stopped before the first one, count for nothing.
    """
    records = _tables(out, "*/*/records", RECORD_COLUMNS)
    predictions = _tables(out, "*/predictions", PREDICTION_COLUMNS)
    checkpoints = {path.parent.parent.name for path in records} | {path.parent.name for path in predictions}
    found = {"checkpoints": checkpoints, "attributions": {path.parent.name for path in records}}
    return {key: [{"name": name} for name in sorted(names)] for key, names in found.items() if names}


def _tables(out: Path, stem: str, columns: Sequence[str]) -> list[Path]:
    """Paths of the merged files that begin with our columns, and of shards, which have no heading."""
    merged = [path for path in out.glob(f"{stem}.csv") if _has_rows(path, columns)]
    return [*merged, *(path for path in out.glob(f"{stem}.part-*.csv") if path.stat().st_size)]


def _has_rows(path: Path, columns: Sequence[str]) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().startswith(",".join(columns)) and bool(file.readline())


def _names(manifests: Iterable[Mapping[str, Any]], key: str) -> set[str]:
    """Return the names under `key`, without those that would lead out of the folder."""
    names = {str(entry.get("name")) for manifest in manifests for entry in manifest.get(key, [])}
    return {name for name in names if safe_name(name) == name}


def _remove_folder(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
