"""Reads a COCO instances file, hundreds of megabytes of JSON, without holding all of it as Python objects."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path, PureWindowsPath
from typing import Any

from ....base import RaybenchError
from ..pictures import POSSIBLE_SIZES, is_possible_size

__all__ = ["CocoFile", "parse_records", "read_coco_file"]

_decode = json.JSONDecoder().raw_decode
_space = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True)
class CocoFile:
    """The content of an instances file.

    Attributes:
        images: the records of `images`, each with integers `id`, `height`, `width` and a string `file_name`.
        categories: name by category id.
        annotations: by the id of the image: the records of `annotations`, still as JSON text, in the order of
            the file. Parsed they would take ten times the memory, of which a run reads each only once.
        repeated: ids that several annotations have.
    """

    images: list[dict[str, Any]]
    categories: dict[int, str]
    annotations: dict[int, list[str]]
    repeated: frozenset[int | str] = frozenset()


def parse_records(text: str) -> Any:
    """Parse JSON text, refusing an object that has a key twice with a ValueError that names it."""
    return json.loads(text, object_pairs_hook=_without_repeats)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"it has the key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return found


def read_coco_file(path: Path) -> CocoFile:
    """Read an instances file.

    Raises:
        RaybenchError: the file cannot be read, is not JSON, lacks a part, or annotates an image that it does
            not list; names the file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RaybenchError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise RaybenchError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    annotations: dict[int, list[str]] = {}
    ids: Counter[int | str] = Counter()
    members: dict[str, Any] = {}
    try:
        for name, value in _members(text, annotations, ids, path):
            if name in members:
                raise RaybenchError(f"{path} has the member {name!r} twice; join the two, or remove one")
            members[name] = value
    except JSONDecodeError as error:
        raise RaybenchError(
            f"{path} is not valid JSON: {error.msg.lower()} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:
        raise RaybenchError(f"{path} is not an instances file: it is nested too deeply") from None
    for part in ("images", "annotations", "categories"):
        if not isinstance(members.get(part), list):
            raise RaybenchError(f"{path} is not an instances file: it has no list {part!r}")
    images, categories = _images(members["images"], path), _categories(members["categories"], path)
    unlisted = annotations.keys() - {image["id"] for image in images}
    if unlisted:
        raise RaybenchError(f"{path} annotates image {min(unlisted)}, which its list 'images' does not hold")
    repeated = frozenset(number for number, count in ids.items() if count > 1)
    return CocoFile(images, categories, annotations, repeated)


def _members(
    text: str, annotations: dict[int, list[str]], ids: Counter[int | str], path: Path
) -> Iterator[tuple[str, Any]]:
    """Parse the members of the outermost object, but file the annotations away and give none of them."""
    at = _expect(text, 0, "{")
    while True:
        name, at = _decode(text, _skip(text, at))
        at = _skip(text, _expect(text, at, ":"))
        if name == "annotations" and text[at : at + 1] == "[":
            at = _file_annotations(text, at, annotations, ids, path)
            yield name, []
        else:
            value, at = _decode(text, at)
            yield str(name), value
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return
        at = _expect(text, at, ",")


def _file_annotations(
    text: str, at: int, annotations: dict[int, list[str]], ids: Counter[int | str], path: Path
) -> int:
    """Sort the texts of the records in the list at `at` by image; return where the list ends."""
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        record, end = _decode(text, at)
        image_id = record.get("image_id") if isinstance(record, dict) else None
        if type(image_id) is not int:
            line = text.count("\n", 0, at) + 1
            raise RaybenchError(f"{path}, line {line}: an annotation has no image_id: {text[at : at + 60]!r}")
        annotations.setdefault(image_id, []).append(text[at:end])
        if isinstance(record.get("id"), (int, str)):
            ids[record["id"]] += 1
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return at + 1
        at = _skip(text, _expect(text, at, ","))


def _skip(text: str, at: int) -> int:
    """Position of the next character that is not white space."""
    found = _space.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, character: str) -> int:
    """Position after the next character, which must be `character`."""
    at = _skip(text, at)
    if text[at : at + 1] != character:
        raise JSONDecodeError(f"Expecting '{character}'", text, at)
    return at + 1


def _images(records: list[Any], path: Path) -> list[dict[str, Any]]:
    """Check the records of `images`, and return them."""
    kinds = {"id": int, "height": int, "width": int, "file_name": str}
    for record in records:
        entry = record if isinstance(record, dict) else {}
        wrong = [key for key, kind in kinds.items() if type(entry.get(key)) is not kind]
        if wrong:
            value = entry.get(wrong[0])
            raise RaybenchError(
                f"{path}: {wrong[0]!r} of an image is {value!r}; the entry is {str(record)[:80]}"
            )
        if not is_possible_size(entry["height"], entry["width"]):
            raise RaybenchError(
                f"{path}: 'height' and 'width' of image {entry['id']} are {entry['height']} and "
                f"{entry['width']}; expected {POSSIBLE_SIZES}"
            )
    twice = _first_repeated(record["id"] for record in records)
    if twice is not None:
        raise RaybenchError(f"{path} lists two images of the id {twice}; remove one, or give it another id")
    return [{**record, "file_name": _inside(record["file_name"], path)} for record in records]


def _inside(file_name: str, path: Path) -> str:
    """Return a picture's path with forward slashes; refuse one that leads out of the pictures' folder."""
    plain = file_name.replace("\\", "/")
    if plain.startswith("/") or ".." in plain.split("/") or PureWindowsPath(file_name).drive:
        raise RaybenchError(
            f"{path}: 'file_name' of an image is {file_name[:200]!r}, which leads out of the pictures' "
            "folder; expected a path below it"
        )
    return plain


def _categories(records: list[Any], path: Path) -> dict[int, str]:
    try:
        pairs = [(record["id"], str(record["name"])) for record in records]
        twice = _first_repeated(number for number, _ in pairs)
    except (KeyError, TypeError):
        raise RaybenchError(f"{path}: a category lacks its id or name") from None
    if twice is not None:
        names = " and ".join(repr(name) for number, name in pairs if number == twice)
        raise RaybenchError(f"{path} has two categories of the id {twice}: {names}; give one another id")
    return dict(pairs)


def _first_repeated(ids: Iterable[Any]) -> Any:
    """Return the first value that was there before, or None."""
    seen = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None
