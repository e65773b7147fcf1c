"""Reads a COCO instances file, hundreds of megabytes of JSON, without holding all of it as Python objects."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path, PureWindowsPath
from typing import Any

from ....base import RaybenchError, quoted
from ..files import first_repeated, read_text
from ..pictures import POSSIBLE_SIZES, is_possible_size

_space = re.compile(r"[ \t\n\r]*")
_LONGEST_NAME = 1000


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
    repeated: frozenset[int | float | str] = frozenset()


def parse_records(text: str) -> Any:
    """Parse JSON text, refusing an object that has a key twice with a ValueError that names it."""
    return json.loads(text, object_pairs_hook=_without_repeats)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"it has the key {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return found


_decode = json.JSONDecoder(object_pairs_hook=_without_repeats).raw_decode
_decode_fast = json.JSONDecoder().raw_decode  # of annotations, which are parsed again when they are read


@dataclass
class _Filed:
    """What is kept of the annotations: their texts by image, how often each id occurs, which categories."""

    by_image: dict[int, list[str]] = field(default_factory=dict)
    ids: Counter[int | float | str] = field(default_factory=Counter)
    categories: set[int] = field(default_factory=set)


def read_coco_file(path: Path) -> CocoFile:
    """Read an instances file.

    Raises:
        RaybenchError: the file cannot be read, is not JSON, lacks a part, has a part twice, or annotates an
            image that it does not list; names the file.
    """
    text = read_text(path)
    filed, members = _Filed(), dict[str, Any]()
    try:
        for name, value in _members(text, filed, path):
            if name in members:
                raise RaybenchError(f"{path} has the member {name!r} twice; join the two, or remove one")
            members[name] = value
    except JSONDecodeError as error:
        raise RaybenchError(
            f"{path} is not valid JSON: {error.msg.lower()} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:
        raise RaybenchError(f"{path} is not an instances file: it is nested too deeply") from None
    except ValueError as error:  # a key twice, or a number of thousands of digits
        reason = str(error).partition(";")[0]
        raise RaybenchError(f"{path} is not an instances file: {reason[:1].lower()}{reason[1:]}") from None
    for part in ("images", "annotations", "categories"):
        if not isinstance(members.get(part), list):
            raise RaybenchError(f"{path} is not an instances file: it has no list {part!r}")
    images = _images(members["images"], path)
    categories = _categories(members["categories"], filed.categories, path)
    unlisted = filed.by_image.keys() - {image["id"] for image in images}
    if unlisted:
        raise RaybenchError(f"{path} annotates image {min(unlisted)}, which its list 'images' does not hold")
    repeated = frozenset(number for number, count in filed.ids.items() if count > 1)
    return CocoFile(images, categories, filed.by_image, repeated)


def _members(text: str, filed: _Filed, path: Path) -> Iterator[tuple[str, Any]]:
    """Parse the members of the outermost object, but file the annotations away and give none of them."""
    if text[:99].lstrip()[:1] == "[" or text[:99].strip() == "{}":
        raise RaybenchError(f"{path} is not an instances file: it is no object with images and annotations")
    at = _expect(text, 0, "{")
    while True:
        name, at = _decode(text, _skip(text, at))
        at = _skip(text, _expect(text, at, ":"))
        if name == "annotations" and text[at : at + 1] == "[":
            at = _file_annotations(text, at, filed, path)
            yield name, []
        else:
            value, at = _decode(text, at)
            yield str(name), value
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            break
        at = _expect(text, at, ",")
    at = _skip(text, at + 1)
    if at < len(text):
        raise JSONDecodeError("Extra data after the end", text, at)


def _file_annotations(text: str, at: int, filed: _Filed, path: Path) -> int:
    """Sort the texts of the records in the list at `at` by image; return where the list ends."""
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        record, end = _decode_fast(text, at)
        entry = record if isinstance(record, dict) else {}
        image_id, number = entry.get("image_id"), entry.get("id")
        if type(image_id) is not int:
            said = f"the 'image_id' {image_id!r}; expected a whole number" if image_id else "no image_id"
            line, shown = text.count("\n", 0, at) + 1, text[at : at + 60]
            raise RaybenchError(f"{path}, line {line}: an annotation has {said}: {shown!r}")
        filed.by_image.setdefault(image_id, []).append(text[at:end])
        if isinstance(number, (int, float, str)):
            filed.ids[number] += 1
        if type(entry.get("category_id")) is int:
            filed.categories.add(entry["category_id"])
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
                f"{path}: {wrong[0]!r} of an image is {quoted(value) if isinstance(value, str) else value}; "
                f"expected {'text' if wrong[0] == 'file_name' else 'a whole number'}; the entry is "
                f"{str(record)[:80]}"
            )
        if not is_possible_size(entry["height"], entry["width"]):
            raise RaybenchError(
                f"{path}: 'height' and 'width' of image {entry['id']} are {entry['height']} and "
                f"{entry['width']}; expected {POSSIBLE_SIZES}"
            )
    twice = first_repeated(record["id"] for record in records)
    if twice is not None:
        raise RaybenchError(f"{path} lists two images of the id {twice}; remove one, or give it another id")
    return [{**record, "file_name": _inside(record["file_name"], path)} for record in records]


def _inside(file_name: str, path: Path) -> str:
    """Return a picture's path with forward slashes; refuse what cannot be one below the pictures' folder."""
    plain = file_name.replace("\\", "/")
    place = f"{path}: 'file_name' of an image is {quoted(file_name, 200)}"
    if re.match(r"[a-zA-Z][\w+.-]+:", plain):
        raise RaybenchError(f"{place}, an address; expected a path below the pictures' folder")
    if plain.startswith("/") or ".." in plain.split("/") or PureWindowsPath(file_name).drive:
        raise RaybenchError(f"{place}, which leads out of the pictures' folder; expected a path below it")
    if not plain.isprintable() or not plain.rpartition("/")[2] or len(plain) > _LONGEST_NAME:
        raise RaybenchError(f"{place}; expected the printable name of a file")
    return plain


def _categories(records: list[Any], used: set[int], path: Path) -> dict[int, str]:
    """Return names by id; two categories of one name are refused where both have annotations."""
    try:
        pairs = [(record["id"], str(record["name"])) for record in records]
        twice = first_repeated(number for number, _ in pairs)
    except (KeyError, TypeError):
        raise RaybenchError(f"{path}: a category lacks its id or name") from None
    if twice is not None:
        names = " and ".join(quoted(name) for number, name in pairs if number == twice)
        raise RaybenchError(f"{path} has two categories of the id {twice}: {names}; give one another id")
    same = first_repeated(name for number, name in pairs if number in used)
    if same is not None:
        raise RaybenchError(
            f"{path} has annotations of two categories of the name {quoted(same)}; give them one id, or "
            "different names"
        )
    odd = next((name for _, name in pairs if not name.isprintable()), None)
    if odd is not None:
        raise RaybenchError(f"{path} has a category of the name {quoted(odd)}; expected printable text")
    return dict(pairs)
