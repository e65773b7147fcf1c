"""The suite that a command means: the one it names, with the parts that its options give instead."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...base import parse_document
from .settings import Settings
from .suite import NamedChoice, Suite, load_suite

shipped_default = "measure"
"""The suite whose parts stand where neither a suite nor an option says otherwise."""


def meant(source: str | Path | Suite, settings: Settings) -> tuple[Suite, Path]:
    """Return a suite with the parts that settings give in its place.

    Returns:
        The suite, and the file it came from; `suite` in the current folder for one made in Python.

    Raises:
        RaybenchError: no such suite, or an option that is no name and no mapping with a name.
    """
    suite, path = (source, Path.cwd() / "suite") if isinstance(source, Suite) else load_suite(source)
    changes: dict[str, Any] = {}
    if settings.dataset:
        changes["dataset"] = choice_of(settings.dataset, "--dataset")
    for name, option in (("attributions", "--attribution"), ("metrics", "--metric")):
        if getattr(settings, name):
            changes[name] = [choice_of(text, option) for text in getattr(settings, name)]
    return suite.model_copy(update=changes), path


def as_document(suite: Suite, protocol: Mapping[str, Any], checkpoints: Sequence[str], folder: Path) -> str:
    """Write a suite as YAML that lies in `folder`: files that it names are found from there.

    Args:
        suite: as `meant` returns it.
        protocol: fields that depart from the suite's.
        checkpoints: measured in place of the suite's, if there are any.
        folder: where the file is to lie.
    """
    plain = suite.model_dump(mode="json", exclude_defaults=True)
    for name in ("attributions", "metrics"):
        plain[name] = [_plain(choice) for choice in getattr(suite, name)]
    if protocol:
        named = suite.protocol
        options = {"name": named} if isinstance(named, str) else {"name": named.name, **named.options}
        plain["protocol"] = {**({} if "name" in protocol else options), **protocol}
    plain["dataset"] = _relative(_plain(suite.dataset), folder)
    plain["checkpoints"] = _relative([*(checkpoints or suite.checkpoints)], folder)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def choice_of(text: str, option: str) -> str | NamedChoice:
    """Read what an option names: `rise`, or `{name: rise, masks: 100}`."""
    return parse_document(text, NamedChoice, option) if text.lstrip().startswith("{") else text


def _plain(choice: str | NamedChoice) -> Any:
    return choice if isinstance(choice, str) else choice.model_dump(mode="json", exclude_none=True)


def _relative(value: Any, folder: Path) -> Any:
    """Let names of files and folders, which are found from the current folder, be found from another one."""
    if isinstance(value, dict):
        return {key: entry if key == "name" else _relative(entry, folder) for key, entry in value.items()}
    if isinstance(value, list):
        return [_relative(entry, folder) for entry in value]
    path, colon, function = str(value).partition(".py:")
    file = path + (".py" if colon else "")
    if isinstance(value, str) and Path(file).exists():
        return Path(os.path.relpath(file, folder)).as_posix() + (f":{function}" if colon else "")
    return value
