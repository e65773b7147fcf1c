"""Says which known layout a folder comes nearest to, and what it lacks for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ....base import few
from ..files import subfolders

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip", ".7z")
_MOST_SPLITS = 50


class Layout(NamedTuple):
    """A way in which people keep a dataset.

    Attributes:
        name: for messages.
        parts: paths and patterns of files below the folder, all of which it has; `{split}` stands for the
            option.
    """

    name: str
    parts: tuple[str, ...]


def nearest_layout(root: Path, layouts: Sequence[Layout], split: str) -> str:
    """Say in a sentence which layout a folder is most of, and what is missing; or what is to be unpacked.

    Args:
        root: a folder that is none of them.
        layouts: those that are known, the most usual first.
        split: the option.

    Returns:
        The end of a message, beginning with `; `; empty if the folder has no part of any.
    """
    for other in _names_of_splits(root) if any("{split}" in "".join(one.parts) for one in layouts) else ():
        if other != split and any(not _compared(root, layout, other)[1] for layout in layouts):
            return f"; there is {other}: write dataset: {{..., split: {other}}} to take it"
    found = []
    for layout in layouts:
        there, lacking = _compared(root, layout, split)
        found.append((len(there) / len(layout.parts), layout, lacking, there))
    share, layout, lacking, there = max(found, key=lambda one: one[0], default=(0.0, Layout("", ()), [], []))
    near = ""
    if share > 0:
        lacks = f", but not {' and '.join(lacking)}" if lacking else ""
        near = f"; the nearest known layout is {layout.name}: there is {' and '.join(there)}{lacks}"
    return near + _to_unpack(root)


def _compared(root: Path, layout: Layout, split: str) -> tuple[list[str], list[str]]:
    """Return which parts of a layout there are, and which are lacking."""
    parts = [part.format(split=split) for part in layout.parts]
    there = [part for part in parts if next(root.glob(part), None) is not None]
    return there, [part for part in parts if part not in there]


def _names_of_splits(root: Path) -> list[str]:
    return [Path(name).name for name in (*subfolders(root), *subfolders(root, "images"))][:_MOST_SPLITS]


def _to_unpack(root: Path) -> str:
    packed = sorted(path.name for path in root.iterdir() if path.name.lower().endswith(_ARCHIVES))
    if packed:
        return f"; unpack {few(packed)}"
    tables = sorted(path.name for folder in (root, root / "data") for path in folder.glob("*.parquet"))
    if tables:
        return (
            f"; {tables[0]} is a table of Hugging Face: `raybench data unpack {root} FOLDER` writes its "
            "pictures"
        )
    return ""
