"""Reads YAML files written by people into checked objects, and says where a mistake is."""

from __future__ import annotations

import json
import typing
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from .errors import RaybenchError, SeveralMistakesError, nearest
from .plain_yaml import parse_yaml


class Document(BaseModel):
    """Base of all YAML documents: unknown keys are refused, values are not converted silently.

    A field may be a tuple or a `Path`: YAML has no such things, so a list or a text is taken for them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Kind = TypeVar("Kind", bound=Document)
_LONGEST_LABEL = 80


def checked_label(label: str) -> str:
    """Return what a table may call a thing.

    Raises:
        ValueError: it is empty or too long, or holds what cannot be printed.
    """
    if not (label.strip() and label.isprintable() and len(label) <= _LONGEST_LABEL):
        raise ValueError(f"a label is printable text of up to {_LONGEST_LABEL} characters")
    return label


def read_document(path: Path, kind: type[Kind]) -> Kind:
    """Read a YAML file as a `kind`.

    Raises:
        RaybenchError: the file cannot be read, is not YAML, or does not fit; names the file, line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RaybenchError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise RaybenchError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    return parse_document(text, kind, str(path))


def parse_document(text: str, kind: type[Kind], place: str) -> Kind:
    """Parse YAML text as a `kind`; `place` says in messages where the text is from. See `read_document`."""
    try:
        data, root = parse_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{place}, line {mark.line + 1}" if mark else place
        raise RaybenchError(f"{where}: not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise RaybenchError(f"{place}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise RaybenchError(f"{place}: expected keys and values ({', '.join(kind.model_fields)})")
    return document_from(data, kind, place, root)


def document_from(
    data: Mapping[str, Any], kind: type[Kind], place: str, root: yaml.Node | None = None
) -> Kind:
    """Check plain values as a `kind`; `root` knows the lines of values that came from YAML."""
    try:
        # By way of JSON, where strict checking lets a list be a tuple and a text be a path.
        return kind.model_validate_json(json.dumps(data))
    except TypeError as error:  # a tag made a date, a set or bytes
        raise RaybenchError(f"{place}: not plain text, numbers, lists and keys: {error}") from None
    except ValidationError as error:
        mistakes = error.errors()
        told = [_explain(some, kind, data, root, place) for some in _by_key(mistakes, data)]
        raise DocumentError(told, _without(data, [_path_in(data, one) for one in mistakes])) from None


class DocumentError(SeveralMistakesError):
    """Mistakes in a document.

    Attributes:
        rest: the values in which none was found.
    """

    def __init__(
        self, mistakes: Iterable[str | RaybenchError], rest: Mapping[str, Any] | None = None
    ) -> None:
        """Hold the sentences and the other values."""
        super().__init__([RaybenchError(one) if isinstance(one, str) else one for one in mistakes])
        self.rest = dict(rest or {})


def _without(data: Mapping[str, Any], paths: list[list[str | int]]) -> dict[str, Any]:
    """Return the keys that no path leads into; of a list, what none leads into."""
    items = {
        (path[0], path[1]) for path in paths if len(path) > 1 and isinstance(data.get(str(path[0])), list)
    }
    whole = {path[0] for path in paths if path} - {key for key, _ in items}
    return {
        key: [one for place, one in enumerate(value) if (key, place) not in items]
        if isinstance(value, list)
        else value
        for key, value in data.items()
        if key not in whole
    }


def _by_key(mistakes: list[ErrorDetails], data: Any) -> list[list[ErrorDetails]]:
    """Split mistakes by the key of the document that they are below.

    Where a key is unknown, one that is missing is most likely the same, misspelt.
    """
    groups: dict[str | int | None, list[ErrorDetails]] = {}
    for mistake in mistakes:
        groups.setdefault(next(iter(_path_in(data, mistake)), None), []).append(mistake)
    misspelt = any(one["type"] == "extra_forbidden" and len(one["loc"]) == 1 for one in mistakes)
    kept = [group for group in groups.values() if not (misspelt and group[0]["type"] == "missing")]
    return kept or list(groups.values())


def _explain(
    mistakes: list[ErrorDetails], kind: type[Document], data: Any, root: yaml.Node | None, place: str
) -> str:
    """Word the first mistake of a document in one sentence, with its line."""
    paths = [_path_in(data, mistake) for mistake in mistakes]
    # A union reports a mistake per branch; the branch that was meant is the one that got furthest, or that
    # found words of its own.
    related = [index for index, path in enumerate(paths) if path[:1] == paths[0][:1]]
    chosen = max(
        related, key=lambda index: (len(paths[index]), mistakes[index]["type"] == "value_error", -index)
    )
    if mistakes[chosen]["type"] == "missing":  # most likely the key is there, but misspelt
        unknown = [
            index
            for index, path in enumerate(paths)
            if mistakes[index]["type"] == "extra_forbidden" and path[:-1] == paths[chosen][:-1]
        ]
        chosen = min(unknown, default=chosen)
    mistake, path = mistakes[chosen], paths[chosen]
    line = _line_of(root, path)
    where = f"{place}, line {line}" if line else place
    name = ".".join(str(part) for part in path)
    if mistake["type"] == "extra_forbidden":
        known = _keys_at(kind, path[:-1])
        close = nearest(str(path[-1]), known)
        hint = f"did you mean {close}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key {name!r}; {hint}"
    if mistake["type"] == "missing" and isinstance(path[-1], int):
        return f"{where}: {name.rpartition('.')[0]}: too few values; number {path[-1] + 1} is missing"
    if mistake["type"] == "missing":
        return f"{where}: key {name!r} is missing"
    message = mistake["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    given = "" if isinstance(mistake["input"], (dict, list, tuple)) else f", not {mistake['input']!r}"
    return f"{where}: {name}: {message}{given}" if name else f"{where}: {message}"


def _path_in(data: Any, mistake: ErrorDetails) -> list[str | int]:
    """Keys and indices that lead to a mistake, without pydantic's names for the branches of a union."""
    path: list[str | int] = []
    for part in mistake["loc"]:
        steps = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
        if part in steps:
            data = data[part]
            path.append(part)
    if mistake["type"] == "missing":
        path.append(mistake["loc"][-1])
    return path


def _line_of(node: yaml.Node | None, path: list[str | int]) -> int | None:
    """Line (from 1) of the deepest node on `path`."""
    line = None
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            key, node = found[-1]  # a merged key stands before the one that overrides it
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _keys_at(kind: type[BaseModel], path: list[str | int]) -> list[str]:
    """Keys of the document, or of the documents nested in it, at `path`."""
    types: list[Any] = [kind]
    for part in path:
        types = [inner for outer in types for inner in _types_inside(outer, part)]
    models = [model for annotation in types for model in _models_in(annotation)]
    return list(dict.fromkeys(key for model in models for key in model.model_fields))


def _types_inside(annotation: Any, part: str | int) -> list[Any]:
    """Types that the key or index `part` of a value of this type may have."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [field.annotation for key, field in annotation.model_fields.items() if key == part]
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return [arguments[1]]
    if isinstance(origin, type) and issubclass(origin, Collection):
        return list(arguments)
    return [inner for argument in arguments for inner in _types_inside(argument, part)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Documents that a type mentions, such as those of a union, a list or a dictionary's values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
