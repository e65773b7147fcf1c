"""`raybench bug-report`, `raybench --version`: what an issue needs, without anything private."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from ...base import __version__

EXAMPLE = "Example: raybench bug-report runs/mine > report.txt"

_PACKAGES = (
    *("torch", "torchvision", "numpy", "pandas", "pillow", "scipy", "matplotlib", "pycocotools"),
    *("timm", "transformers", "captum", "grad-cam", "zennit", "torchray", "plotly"),
)
_TOLD = ("status", "protocol", "metrics", "device", "versions", "processes", "batch_size", "limit", "compute")


def versions() -> list[str]:
    """Name the versions of what numbers depend on; packages that are not installed are left out."""
    lines = [f"raybench {__version__}", f"python {platform.python_version()}, {platform.platform()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return lines


def bug_report(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Result folder of the run in question.")
    ] = None,
) -> None:
    """Print what an issue needs: versions, the machine, and how a run was set up; folders are left out."""
    typer.echo("\n".join([*versions(), *_machine()]))
    if folder is not None:
        from ...benchmark.results import standing_of

        found = standing_of(folder)
        told = {key: found.manifest[key] for key in _TOLD if key in found.manifest}
        typer.echo("\n".join(["", f"command: {without_paths(found.command)}", *_flat(told)]))
        typer.echo("\n".join(without_paths(line) for line in found.lines()[:-1]))


def without_paths(text: str) -> str:
    """Leave of every path its last name, and take out the user's name."""
    text = re.sub(r"(?:~|[A-Za-z]:)?[\w.+@-]*(?:[/\\][\w.+@-]+)+[/\\]?", lambda found: _last(found[0]), text)
    user = os.environ.get("USER") or os.environ.get("USERNAME")
    return re.sub(rf"\b{re.escape(user)}\b", "USER", text) if user else text


def _last(path: str) -> str:
    return "…/" + re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _machine() -> list[str]:
    lines = [f"cores {os.cpu_count()}"]
    if importlib.util.find_spec("torch") is None:
        return [*lines, "torch is not installed"]
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    threads = f"torch threads {torch.get_num_threads()}"
    variables = [f"{key} is set" for key in ("RAYBENCH_DATA", "RAYBENCH_CACHE") if key in os.environ]
    gpus = ", ".join(names) or "none"
    return [
        *lines,
        threads,
        f"GPUs: {gpus}; CUDA {torch.version.cuda}",
        f"argv0 {Path(sys.argv[0]).name}",
        *variables,
    ]


def _flat(value: Any, name: str = "") -> list[str]:
    if isinstance(value, dict):
        return [line for key, entry in value.items() for line in _flat(entry, f"{name}.{key}".lstrip("."))]
    return [without_paths(f"{name}: {value}")]
