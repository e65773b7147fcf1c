"""run.json: what was measured, on what, with what, and what went wrong."""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ...base import RaybenchError, __version__
from .rows import write_atomically

__all__ = ["Manifest", "environment", "peak_memory_mb", "refuse_other_definition", "write_manifest"]

Manifest = dict[str, Any]

_DEFINING = ("protocol", "dataset", "metrics", "seed")
"""Entries that must not change while results gather in one folder."""


def environment(device: torch.device) -> Manifest:
    """Describe the machine and the versions in use."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    packages = ("torch", "torchvision", "numpy", "pandas", "pillow", "pycocotools")
    return {
        "device": {
            "type": device.type,
            "name": name or platform.machine(),
            "threads": torch.get_num_threads(),
        },
        "versions": {
            "raybench": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "git_revision": _git_revision(),
        "platform": platform.platform(),
    }


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory of this process, or of the device if it is a GPU, in MB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write run.json."""
    write_atomically(folder / "run.json", json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def refuse_other_definition(old: Manifest, new: Manifest, folder: Path) -> None:
    """Raise `RaybenchError` if the results in `folder` were made by other rules, data or weights."""
    for key in _DEFINING:
        difference = _first_difference(key, old.get(key), new[key])
        if difference:
            raise RaybenchError(_other_definition(folder, *difference))
    for key in ("checkpoints", "attributions"):
        before = {entry["name"]: entry for entry in old.get(key, [])}
        for entry in new[key]:
            difference = _first_difference(entry["name"], before.get(entry["name"], entry), entry)
            if difference:
                raise RaybenchError(_other_definition(folder, *difference))
    for name, digest in new.get("code", {}).items():
        before = old.get("code", {}).get(name, digest)
        if before != digest:
            raise RaybenchError(_other_definition(folder, f"SHA-256 of the file of {name}", before, digest))


def _other_definition(folder: Path, name: str, old: Any, new: Any) -> str:
    return (
        f"{folder} holds results with {name} = {old!r}, and this run has {new!r}: "
        "use another --out, or --fresh to measure anew"
    )


def _first_difference(name: str, old: Any, new: Any) -> tuple[str, Any, Any] | None:
    """Return the dotted name and both values of the first entry that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            difference = _first_difference(f"{name}.{key}", old.get(key), new.get(key))
            if difference:
                return difference
        return None
    return None if old == new else (name, old, new)


def _git_revision() -> str | None:
    """Revision of the checkout that this code runs from, with `+` if it has changes; None if installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
        return _git(root, "rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
