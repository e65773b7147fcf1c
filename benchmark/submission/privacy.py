"""Takes out of a run.json what is nobody's business: where the submitter's files lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ..results import Manifest

__all__ = ["public_manifest"]

_PATH = re.compile(r"(?<![\w.:/\\~-])(?:~[\w.-]*[/\\]|/(?=\w)|[A-Za-z]:[\\/]|\\\\)[^\s'\",;()<>|]*")
"""An absolute path, or one in somebody's home folder, that stands alone: not the middle of a web address."""

PLACEHOLDER = "PATH"
_REST = re.compile(rf"{PLACEHOLDER}[/\\][^\s'\",;()<>|]*")

_PRIVATE_KEYS = frozenset({"host", "hostname", "user", "username", "cwd", "out", "path", "paths"})
_SWITCHES = frozenset({"--fresh", "--strict", "--trust-code", "--fast"})
_WITH_NUMBER = frozenset({"--batch-size", "--workers", "--processes", "--threads", "--limit"})
_WITH_WORD = frozenset({"--device"})


def public_manifest(manifest: Mapping[str, Any]) -> Manifest:
    """Return a run.json without folders, paths, and names of people and machines that occur in them.

    The command keeps its words that say what was measured; folders become `PATH`. Skipped images keep their
    id and reason. Every other text keeps all but absolute paths.
    """
    hidden = _hidden_texts(manifest)
    public = {
        key: _scrub(value, hidden)
        for key, value in manifest.items()
        if key not in ("command", "skipped", "platform") and key not in _PRIVATE_KEYS
    }
    public["command"] = _public_command(manifest)
    public["skipped"] = [
        {key: _scrub(entry[key], _around(entry.get("path")) | hidden) for key in ("image_id", "reason")}
        for entry in manifest.get("skipped", [])
    ]
    public["platform"] = str(manifest.get("platform", "")).partition("-")[0]
    return public


def _hidden_texts(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Folders that the command names: they may stand in messages."""
    words = [word for word in manifest.get("command", []) if isinstance(word, str)]
    parts = {part for word in words[2:] for part in (word, word.partition("=")[2])}
    paths = {part for part in parts if "/" in part or "\\" in part}
    return frozenset().union(*(_around(path) for path in paths))


def _around(path: object) -> frozenset[str]:
    """Return a path and the folders around it, but for the outermost, such as `/home`, that say nothing."""
    if not isinstance(path, str) or not path:
        return frozenset()
    whole = PurePath(path)
    return frozenset(str(one) for one in (whole, *whole.parents) if len(one.parts) > 2)


def _scrub(value: Any, hidden: Iterable[str]) -> Any:
    """Replace paths in every text of plain values."""
    if isinstance(value, str):
        for text in sorted(hidden, key=len, reverse=True):
            value = value.replace(text, PLACEHOLDER)
        return _REST.sub(PLACEHOLDER, _PATH.sub(PLACEHOLDER, value))
    if isinstance(value, Mapping):
        return {
            _scrub(key, hidden): _scrub(entry, hidden)
            for key, entry in value.items()
            if key not in _PRIVATE_KEYS
        }
    if isinstance(value, Sequence):
        return [_scrub(entry, hidden) for entry in value]
    return value


def _public_command(manifest: Mapping[str, Any]) -> list[str]:
    """Write the command anew from what was measured, with the options of the old one that name no place."""
    command = ["raybench", "run", str(manifest["suite"]["name"])]
    given = [word for word in manifest.get("command", []) if isinstance(word, str)]
    for entry in manifest.get("checkpoints", []):
        if "--checkpoint" in given:
            command += ["--checkpoint", str(entry["name"])]
    command += ["--data", f"{manifest['dataset']['name']}={PLACEHOLDER}"]
    for position, word in enumerate(given):
        following = given[position + 1] if position + 1 < len(given) else ""
        if word in _SWITCHES:
            command.append(word)
        elif (word in _WITH_NUMBER and following.isdecimal()) or (
            word in _WITH_WORD and re.fullmatch(r"auto|cpu|cuda(:\d+)?", following)
        ):
            command += [word, following]
    return command
