"""Reads option values that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..base import RaybenchError

__all__ = ["parse_data"]


def parse_data(pairs: Iterable[str]) -> dict[str, Path]:
    """Turn `imagenet=PATH` options into folders by name.

    Raises:
        RaybenchError: not of the form NAME=PATH, or no such folder.
    """
    folders = {}
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not (name and separator and path):
            raise RaybenchError(
                f"--data {pair!r} is not of the form NAME=PATH, such as imagenet=/data/imagenet"
            )
        folder = Path(path).expanduser()  # not every shell expands a ~ in the middle of a word
        if not folder.is_dir():
            raise RaybenchError(f"--data {pair}: there is no folder {path}")
        folders[name] = folder
    return folders
