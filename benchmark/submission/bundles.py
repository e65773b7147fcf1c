"""Bundles: what bundle.json says is in one, and reading them beside result folders."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ...base import RaybenchError, __version__, quoted
from ..board import collect
from ..results import BUNDLE_MANIFEST, Board, Excluded, is_known_name, safe_name, unpack
from .report import Findings
from .run_facts import read_json

__all__ = ["bundle_manifest", "check_bundle_files", "collect_all", "extract_bundle", "opened"]

SCHEMA = "raybench-bundle"
SCHEMA_VERSION = 2


def bundle_manifest(files: Mapping[str, bytes], addresses: Mapping[str, Sequence[str]]) -> bytes:
    """Write bundle.json: the schema, size and hash of every other file, and where weights can be had.

    Addresses are for people: nothing here ever fetches from them.
    """
    content = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "raybench": __version__,
        "files": {
            name: {"sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])}
            for name in sorted(files)
        },
        "weights": addresses,
    }
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


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


def collect_all(paths: Sequence[str | Path], into: Path) -> Board:
    """Read result folders and bundles (.zip) into a board; what is damaged is left out and listed.

    Args:
        paths: result folders, folders that hold such ones, and bundles of `raybench submit`.
        into: an empty folder, kept until the site is built; bundles are unpacked into it.
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
    board = collect(folders)
    return replace(board, excluded=(*(_named(one, bundles) for one in board.excluded), *refused))


def _named(excluded: Excluded, bundles: Mapping[str, str]) -> Excluded:
    """Name the bundle instead of the passing folder that it was unpacked into."""
    path, reason = str(excluded.path), excluded.reason
    for folder, bundle in bundles.items():
        path, reason = path.replace(folder, bundle), reason.replace(folder, bundle)
    return Excluded(Path(path), reason)
