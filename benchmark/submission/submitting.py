"""Makes a bundle of a result folder: what others need to check and show it, and nothing private."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from ...base import RaybenchError, __version__
from ...checkpoints import Card, card_files, find_card
from ..results import (
    BUNDLE_MANIFEST,
    MANIFEST,
    MAX_FILES,
    MAX_TOTAL_BYTES,
    SUMMARY,
    Manifest,
    card_file,
    collisions,
    command_again,
    lists_file,
    lost_rows,
    open_results,
    pack,
    predictions_file,
    read_manifest,
    records_file,
)
from .bundles import bundle_manifest, describe_checkpoint
from .check import Checked, check, check_files, report_facts
from .report import Findings, Report

_PATH = re.compile(r"(?<![\w.:/\\~-])(?:~[\w.-]*[/\\]|/(?=\w)|[A-Za-z]:[\\/]|\\\\)[^\s'\",;()<>|]*")
"""An absolute path, or one in somebody's home folder, that stands alone: not the middle of a web address."""

PLACEHOLDER = "PATH"
_REST = re.compile(rf"{PLACEHOLDER}[/\\][^\s'\",;()<>|]*")

_PRIVATE_KEYS = frozenset({"host", "hostname", "user", "username", "cwd", "out", "path", "paths"})


def submit(folder: str | Path, bundle: str | Path, *, cards: Sequence[Card] = ()) -> Report:
    """Check a result folder and, if nothing is wrong with it, write a bundle.

    The same folder gives the same bytes.

    Args:
        folder: the output folder of a run that is complete.
        bundle: file to write, usually `results/submitted/NAME.zip`.
        cards: of checkpoints that do not ship with raybench, for the public addresses of their weights.

    Returns:
        The report on the folder or, if that is in order, on the bundle.

    Raises:
        RaybenchError: no run in that folder, a card of a checkpoint that the run does not name, or the
            bundle cannot be written.
    """
    folder, bundle = Path(folder), Path(bundle)
    if not (folder / MANIFEST).is_file():
        raise RaybenchError(f"{folder} holds no run; give the --out folder of `raybench run`")
    if bundle.suffix != ".zip":
        raise RaybenchError(f"the bundle {bundle} needs a name that ends in .zip")
    findings = Findings()
    checked = check_files(folder, findings, is_bundle=False)
    with contextlib.suppress(RaybenchError):  # what cannot be read is among the findings
        for line in lost_rows(open_results(folder)):
            findings.problem(SUMMARY, line)
    report = Report(str(folder), tuple(findings.all), report_facts(checked))
    if report.problems:
        return report
    files = _files(folder, checked, cards)
    total = sum(map(len, files.values()))
    if len(files) > MAX_FILES or total > MAX_TOTAL_BYTES or collisions(files):
        raise RaybenchError(
            f"{folder} is too large for a bundle ({len(files)} files, {total} bytes), or holds names that "
            "differ in capital letters only; submit fewer checkpoints or methods at once"
        )
    pack(bundle, files)
    return check(bundle, own=True)


def _files(folder: Path, checked: Checked, cards: Sequence[Card]) -> dict[str, bytes]:
    """Gather the files of a bundle."""
    assert checked.facts is not None
    manifest = public_manifest(read_manifest(folder / MANIFEST))
    names = [SUMMARY]
    names += [records_file(*row) for row in checked.records]
    names += [predictions_file(checkpoint) for checkpoint in checked.predictions]
    names += [lists_file(*key) for key in checked.lists]
    files = {name: (folder / name).read_bytes() for name in names}
    files[MANIFEST] = (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
    addresses = _addresses([entry["name"] for entry in manifest["checkpoints"]], cards)
    for entry in manifest["checkpoints"]:
        name = entry["name"]
        card = describe_checkpoint(entry, manifest["weights_sha256"][name], addresses.get(name, ()))
        files[card_file(name)] = _yaml(card)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    sizes = {name: len(content) for name, content in files.items()}
    return files | {BUNDLE_MANIFEST: bundle_manifest(hashes, sizes, __version__)}


def _addresses(names: Sequence[str], cards: Sequence[Card]) -> dict[str, list[str | None]]:
    """Public addresses of the weights of each checkpoint, from shipped cards and those given."""
    found = {name: find_card(name) for name in names if name in card_files()}
    for card in cards:
        if card.name not in names:
            raise RaybenchError(
                f"the run has no checkpoint {card.name!r}; its checkpoints: {', '.join(names)}"
            )
        found[card.name] = card
    return {name: [source.url for source in card.weights] for name, card in found.items()}


def _yaml(card: Mapping[str, Any]) -> bytes:
    """Write a card with every value as JSON, which YAML contains: nothing depends on YAML's guesses."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in card.items()]
    return "".join(lines).encode()


def public_manifest(manifest: Mapping[str, Any]) -> Manifest:
    """Return a run.json without folders, paths, and names of people and machines that occur in them.

    The command is written anew from what was measured. Skipped images keep their id and reason. Every other
    text keeps all but absolute paths.
    """
    hidden = _hidden_texts(manifest)
    public = {
        key: _scrub(value, hidden)
        for key, value in manifest.items()
        if key not in ("command", "skipped", "platform") and key not in _PRIVATE_KEYS
    }
    public["command"] = command_again(manifest)
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
