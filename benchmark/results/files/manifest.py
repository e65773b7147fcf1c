"""run.json: what was measured, on what, with what, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....base import RaybenchError
from .names import ResultFiles
from .writing import write_atomically

Manifest = dict[str, Any]

_DEFINING = ("protocol", "dataset", "metrics", "seed")
"""Entries that must not change while results gather in one folder."""


def mapping(value: object) -> Mapping[str, Any]:
    """Return `value` if it is a mapping, else an empty one: manifests may be absent or of another version."""
    return value if isinstance(value, dict) else {}


def by_name(entries: object) -> Mapping[str, Mapping[str, Any]]:
    """Return the mappings of a list by their `name`."""
    found = entries if isinstance(entries, list) else []
    return {str(entry.get("name")): entry for entry in found if isinstance(entry, dict)}


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a run.json; a missing file gives an empty manifest.

    Raises:
        RaybenchError: the file is not a JSON object; names the line.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise RaybenchError(f"{path}, line {error.lineno}: not valid JSON: {error.msg.lower()}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RaybenchError(f"cannot read {path}: {error}") from None
    if not isinstance(manifest, dict):
        raise RaybenchError(f"{path}: expected a JSON object, not a {type(manifest).__name__}")
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write run.json."""
    write_atomically(ResultFiles(folder).manifest, json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def command_again(manifest: Mapping[str, Any], checkpoint: str = "") -> list[str]:
    """Return the words of a command that measures a run, or one checkpoint of it, again.

    It is made from what the manifest says was measured, and `PATH` stands for the data: folders of the
    recorded command line are those of another machine.
    """
    suite = str(mapping(manifest.get("suite")).get("name") or "SUITE")
    dataset = str(mapping(manifest.get("dataset")).get("name") or "DATASET")
    words = ["raybench", "run", suite, "--data", f"{dataset}=PATH"]
    given, limit = manifest.get("command"), manifest.get("limit")
    if isinstance(given, list) and any(str(word).startswith("--checkpoint") for word in given):
        known = by_name(manifest.get("checkpoints"))
        for name in [checkpoint] if checkpoint in known else known:
            words += ["--checkpoint", name]
    if isinstance(limit, int):
        words += ["--limit", str(limit)]
    return [*words, "--out", f"runs/{suite}"]


def refuse_other_definition(old: Manifest, new: Manifest, folder: Path) -> None:
    """Raise `RaybenchError` if the results in `folder` were made by other rules, data or weights."""
    before, now = (", ".join(mapping(one.get("metrics"))) for one in (old, new))
    if mapping(old.get("metrics")).keys() != mapping(new.get("metrics")).keys():
        raise RaybenchError(
            f"{folder} holds results by {before or 'no metric'}, and this run asks for {now}: all rows of a "
            "folder have the same metrics; use another --out, or --fresh to measure anew"
        )
    for key in _DEFINING:
        difference = _first_difference(key, old.get(key), new[key])
        if difference:
            raise RaybenchError(_other_definition(folder, *difference))
    for key in ("checkpoints", "attributions"):
        known = {entry["name"]: entry for entry in old.get(key, [])}
        for entry in new[key]:
            difference = _first_difference(entry["name"], known.get(entry["name"], entry), entry)
            if difference:
                raise RaybenchError(_other_definition(folder, *difference))
    for name, digest in new.get("code", {}).items():
        earlier = old.get("code", {}).get(name, digest)
        if earlier != digest:
            raise RaybenchError(_other_definition(folder, f"SHA-256 of the file of {name}", earlier, digest))


def _other_definition(folder: Path, name: str, old: Any, new: Any) -> str:
    was = f"without {name}" if old is None else f"with {name} = {old!r}"
    return (
        f"{folder} holds results {was}, and this run has {'none' if new is None else repr(new)}: "
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
