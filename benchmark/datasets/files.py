"""Files in the folders of a dataset: finding and hashing them, and saying what is odd about a name."""

from __future__ import annotations

import functools
import hashlib
import os
import unicodedata
from collections.abc import Collection, Hashable, Iterable
from pathlib import Path
from typing import TypeVar

from ...base import RaybenchError, quoted

PICTURE_SUFFIXES = (".jpeg", ".jpg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")

_MOST_LOOKED_INTO = 50  # folders, for a hint

LINKED = "the picture is a link to a file outside the dataset's folder"
"""Note on a sample."""


def files_in(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Names of the files directly in `folder` with one of the (lower-case) suffixes, in any case, sorted.

    A folder that does not exist holds none.

    Raises:
        RaybenchError: a name is not UTF-8 or not printable, so that it could not be written to any result.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.lower().endswith(suffixes)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    for name in names:
        if not name.isprintable():
            raise RaybenchError(
                f"a file name in {folder} is not printable UTF-8: {os.fsencode(name)!r}; rename the file"
            )
    return sorted(name for name in names if not name.startswith("."))  # ._x.jpg is macOS metadata


def files_by_id(root: Path, folders: tuple[str, ...], suffixes: tuple[str, ...]) -> dict[str, str]:
    """Paths, relative to `root`, of the files in some folders below it, by file name without extension.

    Raises:
        RaybenchError: two files share an id, such as `a.jpg` and `a.png`.
    """
    found: dict[str, str] = {}
    for folder in folders:
        for name in files_in(root / folder, suffixes):
            image_id, path = name.rpartition(".")[0], f"{folder}/{name}" if folder else name
            if image_id in found:
                raise RaybenchError(
                    f"two files in {root} share the id {image_id!r}: {found[image_id]} and {path}; "
                    "remove or rename one"
                )
            found[image_id] = path
    return found


def files_of_ids(root: Path, folder: str, suffixes: tuple[str, ...], ids: Collection[str]) -> dict[str, str]:
    """Paths, relative to `root`, of the files in a folder and in those in it, by the ids of pictures.

    Where ids are paths, since names repeat in several folders, files lie in folders of the same names.
    """
    folders = (folder, *subfolders(root, folder))
    if not any("/" in image_id for image_id in ids):
        return files_by_id(root, folders, suffixes)
    paths = (path for one in folders for path in files_by_id(root, (one,), suffixes).values())
    return {path.removeprefix(f"{folder}/").rpartition(".")[0]: path for path in paths}


Name = TypeVar("Name", bound=Hashable)


def first_repeated(names: Iterable[Name]) -> Name | None:
    """Return the first of some names or ids that was there before, or None."""
    seen: set[Name] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def subfolders(root: Path, folder: str = "") -> list[str]:
    """Folders directly in a folder, as paths relative to `root`, sorted; none if it does not exist.

    Hidden ones are none of the data: `.ipynb_checkpoints` holds copies of pictures.
    """
    try:
        with os.scandir(root / folder) as entries:
            names = sorted(one.name for one in entries if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return []
    return [f"{folder}/{name}" if folder else name for name in names]


def other_folder(root: Path, signs: Iterable[str]) -> Path | None:
    """Find a folder around or below one, up to two levels away, that holds what one of some patterns fits."""
    signs, resolved = tuple(signs), root.resolve()
    below = [resolved / name for name in subfolders(resolved)[:_MOST_LOOKED_INTO]]
    farther = (one / name for one in below for name in subfolders(one)[:_MOST_LOOKED_INTO])
    for folder in (*resolved.parents[:2], *below, *farther):
        if any(next(folder.glob(sign), None) for sign in signs):
            return folder
    return None


def read_text(path: Path, what: str = "") -> str:
    """Return the text of a file, without a byte order mark.

    Args:
        path: of the file.
        what: it is, for messages, such as `the image list`.

    Raises:
        RaybenchError: it cannot be read, or is not UTF-8.
    """
    named = f"{what} {path}".strip()
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RaybenchError(f"cannot read {named}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise RaybenchError(f"{named} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def leads_out(path: Path, *folders: Path) -> bool:
    """Say whether a path leads, by links, out of all of some folders."""
    real = Path(os.path.realpath(path))
    return not any(real.is_relative_to(os.path.realpath(folder)) for folder in folders)


def other_spelling(path: Path) -> str:
    """Say which file a missing one may be, whose name differs in case, blanks or accents alone."""
    there = _spellings(path.parent).get(_plain(path.name))
    return f"; there is {quoted(there)}, whose letters differ in case or form" if there else ""


@functools.lru_cache(maxsize=8)
def _spellings(folder: Path) -> dict[str, str]:
    try:
        return {_plain(name): name for name in os.listdir(folder)}  # noqa: PTH208 - a Path for each is slow
    except OSError:
        return {}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def fingerprint_of(parts: Iterable[bytes | str]) -> str:
    """SHA-256 over the parts in their order, each preceded by its length: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def fingerprint_of_files(labelled: Iterable[tuple[str, Path | None]]) -> str:
    """SHA-256 over labels and the content of their files; a file that is missing counts as empty."""
    return fingerprint_of(part for label, path in labelled for part in (label, _content(path)))


def _content(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path else b""
    except OSError:  # reported when the sample is read
        return b""
