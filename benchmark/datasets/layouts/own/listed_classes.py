"""Finds what lists the classes of a folder of one's own, in order: a text, or the YAML of YOLO's tools."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

from .....base import RaybenchError, parse_yaml
from .....checkpoints import load_classes
from ...files import files_in, read_text

_TEXTS = ("classes.txt", "names.txt", "labels.txt", "obj.names")


class ListedClasses(NamedTuple):
    """Names of classes, in the order of a network's outputs, and the file that lists them."""

    path: Path
    names: tuple[str, ...]

    def stands_in(self, folder: Path) -> bool:
        """Whether a suite in a folder can name it by its name alone."""
        return self.is_text and self.path.parent == folder

    @property
    def is_text(self) -> bool:
        """Whether the file is a class list itself."""
        return self.path.name in _TEXTS

    @property
    def text(self) -> str:
        """As a class list is written."""
        return read_text(self.path) if self.is_text else "".join(f"{name}\n" for name in self.names)


def find_classes(root: Path, inner: Iterable[str]) -> ListedClasses | None:
    """Find what lists the classes in a folder, or in some of those in it.

    Raises:
        RaybenchError: it cannot be read, or is damaged.
    """
    folders = [root, *(root / one for one in inner)]
    for path in (folder / name for folder in folders for name in _TEXTS):
        if path.is_file():
            return ListedClasses(path, load_classes(str(path)).ids)
    for path in (folder / name for folder in folders for name in files_in(folder, (".yaml", ".yml"))):
        names = _names(path)
        if names:
            return ListedClasses(path, names)
    return None


def _names(path: Path) -> tuple[str, ...]:
    """Return `names` of a YAML file: a list, or a mapping from numbers that count from 0; nothing of others.

    Raises:
        RaybenchError: names have other numbers.
    """
    try:
        content, _ = parse_yaml(read_text(path))
    except (RaybenchError, yaml.YAMLError, ValueError):  # it may be of something else
        return ()
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise RaybenchError(f"{path}: the numbers of names are not 0 to {len(names) - 1}")
        names = [names[number] for number in range(len(names))]
    return tuple(map(str, names)) if isinstance(names, list) else ()
