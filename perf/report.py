"""The report, docs/performance.md: Markdown tables, and sections that are replaced one by one."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .apart import ROOT
from .options import Options

REPORT = ROOT / "docs" / "performance.md"
_PACKAGES = ("torch", "torchvision", "pillow", "numpy", "torchray", "captum", "grad-cam", "zennit")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first column holds words, the others numbers. A blank line follows."""
    lines = ["| " + " | ".join(headings) + " |", "|---" + "|---:" * (len(headings) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def replaced(text: str, name: str, lines: Sequence[str]) -> str:
    """Return the report with the lines between the markers of section `name` replaced.

    Raises:
        SystemExit: the report has no such markers.
    """
    start, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"the report has no section between {start} and {end}")
    body = "\n".join(lines).strip("\n")
    return f"{before}{start}\n{body}\n{end}{after}"


def head(name: str, options: Options) -> list[str]:
    """Lines that say how a section was measured, on what, and with which versions."""
    words = [f"python -m perf {name}", f"--rounds {options.rounds}", f"--cores {options.cores}"]
    words += [f"--limit {options.limit}"] * bool(options.limit)
    words += [f"--only '{options.only}'"] * bool(options.only)
    words += [f"--device {options.device}"] * (options.device != "cpu") + ["--quick"] * options.quick
    versions = ", ".join(f"{package} {found}" for package in _PACKAGES if (found := _version(package)))
    where = f"{options.cores} of {os.cpu_count()} cores, {_processor()}, {platform.system()}{_gpu(options)}"
    return [f"`{' '.join(words)}`: {where}; Python {platform.python_version()}, {versions}.", ""]


def _processor() -> str:
    """Model of the processor, or at least its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _gpu(options: Options) -> str:
    if options.device == "cpu":
        return ""
    import torch

    return f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
