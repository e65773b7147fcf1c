"""Empties a result folder for a run that measures anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .folder import NO_CHECKPOINT, safe_name
from .records import RowStore, disk_error

__all__ = ["clear_results"]


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
                RowStore(out / checkpoint / attribution / "records.csv", ()).clear()
                _remove_folder(out / checkpoint / attribution / "gallery")
    except OSError as error:
        raise disk_error(Path(error.filename or out), error) from None


def _names(manifests: Iterable[Mapping[str, Any]], key: str) -> set[str]:
    """Return the names under `key`, without those that would lead out of the folder."""
    names = {str(entry.get("name")) for manifest in manifests for entry in manifest.get(key, [])}
    return {name for name in names if safe_name(name) == name}


def _remove_folder(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)
