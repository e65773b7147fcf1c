"""`raybench bug-report`, `raybench --version`: what an issue needs, without anything private."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from ...base import __version__

EXAMPLE = "Example: raybench bug-report runs/mine > report.txt"

_PACKAGES = (
    *("torch", "torchvision", "numpy", "pandas", "pillow", "scipy", "matplotlib", "pycocotools"),
    *("timm", "transformers", "captum", "grad-cam", "zennit", "torchray", "plotly"),
)
_TOLD = ("status", "protocol", "metrics", "device", "versions", "processes", "batch_size", "limit", "compute")

_HIDDEN = "…"
_OF_FOLDERS = ("--out", "-o", "--data", "--log-file")


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
        command = " ".join(told_words(found.manifest.get("command", ())))
        lines = [f"command: {command}", *_flat(told), *found.lines()[:-1]]
        typer.echo("\n".join(["", *map(_without_user, lines)]))


def told_words(words: Sequence[str] | str) -> list[str]:
    """Return the words of a command with what may be private left out: of a file its last name stays.

    Values of --out, --data and --log-file are folders of somebody's, and so is a word with a blank in it.
    """
    try:
        words = shlex.split(words) if isinstance(words, str) else [*map(str, words)]
    except ValueError:
        return [_HIDDEN]
    told, option = [], ""
    for word in words:
        if re.match(r"-[A-Za-z].", word):  # -oFOLDER
            told.append(word[:2] + _HIDDEN)
        elif word.startswith("-"):
            option, equals, value = word.partition("=")
            told.append(option + equals + (_told_value(option, value) if equals else ""))
            option = "" if equals else option
        else:
            told.append(_told_value(option, word))
            option = ""
    return told


def _told_value(option: str, value: str) -> str:
    name, equals, path = value.partition("=")
    if option == "--data" and equals:
        return f"{name}=" + (_HIDDEN if path else "")
    if option in _OF_FOLDERS:
        return _HIDDEN
    if value.lstrip().startswith(("{", "[")):
        return _told_mapping(value)
    return _HIDDEN if " " in without_folders(value) else without_folders(value)


def _told_mapping(text: str) -> str:
    def told(entry: Any, key: str = "") -> Any:
        if isinstance(entry, dict):
            return {name: told(one, str(name)) for name, one in entry.items()}
        if isinstance(entry, list):
            return [told(one, key) for one in entry]
        blank = isinstance(entry, str) and " " in entry and key != "label"
        return _HIDDEN if blank and without_folders(entry) == entry else without_folders(entry)

    try:
        plain = told(yaml.safe_load(text))
    except yaml.YAMLError:
        return _HIDDEN
    return yaml.safe_dump(
        plain, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    ).strip()


def without_folders(value: Any) -> Any:
    """Leave of a path its last name where that is of a file, and nothing of a folder."""
    if not isinstance(value, str) or not re.search(r"[/\\]|^~", value):
        return value
    last = re.split(r"[/\\]", value)[-1]
    return f"{_HIDDEN}/{last}" if re.search(r"[^.]\.\w+", last) else _HIDDEN


def _without_user(text: str) -> str:
    """Take out the user's name."""
    users = {os.environ.get("USER"), os.environ.get("USERNAME"), Path.home().name} - {None, ""}
    for user in sorted(map(str, users)):
        text = re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", "USER", text)
    return text


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
    shown = list(map(without_folders, value)) if isinstance(value, list) else without_folders(value)
    return [f"{name}: {shown}"]
