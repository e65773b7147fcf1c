"""Hooks of the site: the package as it is installed, for the reference; the examples, and links to them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent


def on_startup(**_: Any) -> None:
    """Link the package's folders as they lie once installed: mkdocstrings reads files, imports nothing."""
    package = ROOT / "build" / "package" / "raybench"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    inside, beside = ROOT.glob("raybench/*"), (path.parent for path in ROOT.glob("*/__init__.py"))
    for path in {*inside, *beside} - {ROOT / "raybench"}:
        (package / path.name).symlink_to(path)


def on_files(files: Files, config: Any) -> Files:
    """Add the examples."""
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file():
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to the examples."""
    return markdown.replace("](../examples/", "](examples/")
