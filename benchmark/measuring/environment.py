"""The machine that measures: its device, memory and versions."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from ...base import __version__
from ..results import Manifest


def environment(device: torch.device) -> Manifest:
    """Describe the machine and the versions in use."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    packages = ("torch", "torchvision", "numpy", "pandas", "pillow", "pycocotools")
    return {
        "device": {
            "type": device.type,
            "name": name,
            "instructions": torch.backends.cpu.get_cpu_capability(),
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


def _processor() -> str:
    """Name the kind of processor, as Linux does, else as Python can."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


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
