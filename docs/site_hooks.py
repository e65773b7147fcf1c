"""Hooks of the site: the package as it is installed, for the reference; notebooks as pages; the examples."""

from __future__ import annotations

import json
import re
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
    """Add the examples, and a page for each notebook, beside it."""
    for path in sorted((ROOT / "docs" / "tutorials").glob("*.ipynb")):
        files.append(File.generated(config, f"tutorials/{path.stem}.md", content=_page(path)))
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file():
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to the examples, and to the pages of the notebooks."""
    return re.sub(
        r"\]\((tutorials/[\w-]+)\.ipynb\)", r"](\1.md)", markdown.replace("](../examples/", "](examples/")
    )


def _page(notebook: Path) -> str:
    """Return the cells of a notebook, which keeps no outputs, as a page."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    shown = [
        f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
        for cell, text in zip(cells, texts, strict=True)
    ]
    shown.insert(1, f"[This page as a notebook]({notebook.name}), without outputs.")
    return "\n\n".join(shown)
