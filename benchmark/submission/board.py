"""Reads submitted bundles beside result folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..board import collect
from ..results import Board, Excluded
from .check import unpack_bundles

__all__ = ["collect_all"]


def collect_all(paths: Sequence[str | Path], into: Path, *, with_published: bool = True) -> Board:
    """Read result folders and bundles (.zip) into a board; what is damaged is left out and listed.

    Args:
        paths: result folders, folders that hold such ones, and bundles of `raybench submit`.
        into: an empty folder, kept until the site is built; bundles are unpacked into it.
        with_published: as for `collect`.
    """
    folders, refused = unpack_bundles(paths, into)
    board = collect(folders, with_published=with_published)
    bundles = {
        str(folder): str(path)
        for path, folder in zip([p for p in map(Path, paths) if p not in dict(refused)], folders, strict=True)
        if folder.is_relative_to(into)
    }
    excluded = [_named(one, bundles) for one in board.excluded]
    return replace(board, excluded=(*excluded, *(Excluded(path, reason) for path, reason in refused)))


def _named(excluded: Excluded, bundles: dict[str, str]) -> Excluded:
    """Name the bundle instead of the passing folder that it was unpacked into."""
    path, reason = str(excluded.path), excluded.reason
    for folder, bundle in bundles.items():
        path, reason = path.replace(folder, bundle), reason.replace(folder, bundle)
    return Excluded(Path(path), reason)
