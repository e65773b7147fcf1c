"""Makes changed copies of result folders and bundles, as a careless or dishonest submitter would."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from raybench.benchmark.results.files.archive import pack


def copy_of(folder: Path, tmp_path: Path) -> Path:
    """Copy a result folder."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def change_text(path: Path, old: str, new: str) -> None:
    """Replace text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def change_json(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the content of a JSON file in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def members_of(bundle: Path) -> dict[str, bytes]:
    """Content of every file of a bundle."""
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(
    bundle: Path, target: Path, changes: Mapping[str, bytes | None], *, fix_hashes: bool = False
) -> Path:
    """Write a bundle with some files changed, added or (None) removed, with true hashes if asked."""
    files = members_of(bundle) | {name: content for name, content in changes.items() if content is not None}
    files = {name: content for name, content in files.items() if changes.get(name, b"") is not None}
    if fix_hashes:
        stated = json.loads(files["bundle.json"])
        stated["files"] = {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in files.items()
            if name != "bundle.json"
        }
        files["bundle.json"] = json.dumps(stated).encode()
    pack(target, files)
    return target
