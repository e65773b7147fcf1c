"""Hooks of the site: the examples, which lie outside of docs/, go into it, and links lead to them there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent


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
