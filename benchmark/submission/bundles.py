"""Bundles: what bundle.json and the cards say is in one, and reading them beside result folders."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ...base import Document, RaybenchError, parse_document, quoted
from ..board import collect
from ..results import (
    BUNDLE_MANIFEST,
    Board,
    Excluded,
    card_file,
    is_known_name,
    read_inside,
    safe_name,
    unpack,
)
from .report import Findings
from .run_facts import RunFacts, read_json

SCHEMA = "raybench-bundle"
SCHEMA_VERSION = 1


class _Weights(Document):
    sha256: str
    url: str | None = None


class BundledCard(Document):
    """A card for people to read: it names weights by their hash and is never loaded, fetched from or run."""

    name: str
    architecture: str
    classes: str
    weights: list[_Weights]
    pooling: Literal["avg", "max"] = "avg"
    target_layer: str | None = None
    excitation_layer: str | None = None
    contrast_layer: str | None = None
    mean: list[float]
    std: list[float]
    input_size: list[int] | None = None
    input: dict[str, Any] = Field(default_factory=dict)
    architecture_options: dict[str, Any] = Field(default_factory=dict)
    scores: Literal["logits", "probabilities"] = "logits"
    training: str = "none"
    source: str = ""
    licence: str | None = None
    reported: dict[str, float] = Field(default_factory=dict)
    notes: str | None = None


def bundle_manifest(sha256: Mapping[str, str], sizes: Mapping[str, int], version: str) -> bytes:
    """Write bundle.json: the schema, and size and hash of every other file."""
    content = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "raybench": version,
        "files": {name: {"sha256": sha256[name], "bytes": sizes[name]} for name in sorted(sha256)},
    }
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def describe_checkpoint(facts: Mapping[str, Any], sha256: str, urls: Sequence[str | None]) -> dict[str, Any]:
    """Return the card of a checkpoint from what the manifest says about it.

    Args:
        facts: the manifest's entry.
        sha256: of the weight files, joined by "+".
        urls: public address of each file, or None; not used if their number differs.
    """
    hashes = sha256.split("+")
    addresses = list(urls) if len(urls) == len(hashes) else [None] * len(hashes)
    weights = [
        {"sha256": one} | ({"url": url} if url else {}) for one, url in zip(hashes, addresses, strict=True)
    ]
    known = {
        key: value for key, value in facts.items() if key in BundledCard.model_fields and value is not None
    }
    return known | {"weights": weights}


def check_bundle_files(folder: Path, sha256: Mapping[str, str], findings: Findings) -> None:
    """Compare the files of an unpacked bundle with bundle.json.

    Args:
        folder: the bundle, unpacked.
        sha256: of each file that was in it, by name.
        findings: where differences are noted.
    """
    content = read_json(folder, BUNDLE_MANIFEST, findings)
    if content is None:
        return
    if content.get("schema") != SCHEMA or content.get("schema_version") != SCHEMA_VERSION:
        findings.problem(
            BUNDLE_MANIFEST,
            f"schema is {quoted(content.get('schema'))} version {quoted(content.get('schema_version'))}; "
            f"expected {SCHEMA!r} version {SCHEMA_VERSION}",
        )
    files = content.get("files")
    if not isinstance(files, dict):
        findings.problem(BUNDLE_MANIFEST, "it names no files")
        return
    present = {name: digest for name, digest in sha256.items() if name != BUNDLE_MANIFEST}
    for name in sorted(present.keys() - files.keys()):
        findings.problem(name, "the file is not named in bundle.json")
    for name in sorted(files.keys() - present.keys()):
        findings.problem(
            name if is_known_name(name) else quoted(name), "the file is missing, though bundle.json names it"
        )
    for name in sorted(files.keys() & present.keys()):
        entry = files[name] if isinstance(files[name], dict) else {}
        actual = {"sha256": present[name], "bytes": (folder / name).stat().st_size}
        for key, expected in actual.items():
            if entry.get(key) != expected:
                findings.problem(
                    name,
                    f"{key} is {expected}; bundle.json says {quoted(entry.get(key), 70)}: it was changed",
                )


def check_cards(folder: Path, names: Sequence[str], facts: RunFacts, findings: Findings) -> None:
    """Compare the cards of an unpacked bundle with run.json; `names` are the files that are there."""
    wanted = {card_file(name): name for name in facts.card_facts}
    for file in sorted({name for name in names if name.startswith("cards/")} - wanted.keys()):
        findings.problem(file, "run.json names no such checkpoint")
    for file, name in wanted.items():
        text = read_inside(folder, file, findings.problem)
        if text is None:
            continue
        try:
            card = parse_document(text, BundledCard, file).model_dump(mode="json", exclude_defaults=True)
        except RaybenchError as error:
            findings.problem(file, quoted(str(error).removeprefix(f"{file}: "), 300)[1:-1])
            continue
        weights = "+".join(entry["sha256"] for entry in card.pop("weights"))
        if weights != facts.weights_sha256.get(name):
            findings.problem(file, f"weights have SHA-256 {quoted(weights)}; run.json says otherwise")
        stated = {
            key: value for key, value in facts.card_facts[name].items() if key in BundledCard.model_fields
        }
        for key in sorted(card.keys() | stated.keys()):
            default = BundledCard.model_fields[key].get_default(call_default_factory=True)
            found, expected = card.get(key, default), stated.get(key, default)
            if found != expected:
                findings.problem(
                    file,
                    f"{key} is {quoted(found)}; run.json says {quoted(expected)}",
                )


def extract_bundle(path: str | Path, folder: str | Path) -> Path:
    """Unpack a bundle into an empty folder, from which `open_results` and all tables and pages read.

    The archive is read with suspicion (see `unpack`), and every file must have the hash that bundle.json
    gives. Whether the numbers are right is for `check` to say.

    Returns:
        `folder`.

    Raises:
        RaybenchError: not a bundle, or changed since it was made.
    """
    findings = Findings()
    folder = Path(folder)
    check_bundle_files(folder, unpack(Path(path), folder), findings)
    for finding in findings.all:
        raise RaybenchError(f"{path} is damaged: {finding}")
    return folder


@contextmanager
def opened(path: Path, findings: Findings) -> Iterator[Path]:
    """Yield the folder to check: `path` itself, or where the bundle was unpacked; notes changed files."""
    if path.is_dir() and not path.is_symlink():
        yield path
        return
    if not path.exists():
        raise RaybenchError(f"no file or folder {path}; give a bundle or the --out folder of `raybench run`")
    with tempfile.TemporaryDirectory(prefix="raybench-check-") as name:
        folder = Path(name)
        check_bundle_files(folder, unpack(path, folder), findings)
        yield folder


def collect_all(paths: Sequence[str | Path], into: Path, *, with_published: bool = True) -> Board:
    """Read result folders and bundles (.zip) into a board; what is damaged is left out and listed.

    Args:
        paths: result folders, folders that hold such ones, and bundles of `raybench submit`.
        into: an empty folder, kept until the site is built; bundles are unpacked into it.
        with_published: as for `collect`.
    """
    folders: list[Path] = []
    refused: list[Excluded] = []
    bundles: dict[str, str] = {}
    for number, path in enumerate(map(Path, paths)):
        if path.suffix != ".zip" or path.is_dir():
            folders.append(path)
            continue
        try:
            folders.append(extract_bundle(path, into / f"{number:04d}" / safe_name(path.stem)))
            bundles[str(folders[-1])] = str(path)
        except RaybenchError as error:
            refused.append(Excluded(path, str(error)))
    board = collect(folders, with_published=with_published)
    return replace(board, excluded=(*(_named(one, bundles) for one in board.excluded), *refused))


def _named(excluded: Excluded, bundles: Mapping[str, str]) -> Excluded:
    """Name the bundle instead of the passing folder that it was unpacked into."""
    path, reason = str(excluded.path), excluded.reason
    for folder, bundle in bundles.items():
        path, reason = path.replace(folder, bundle), reason.replace(folder, bundle)
    return Excluded(Path(path), reason)
