"""YAML 1.1 without its traps: what people write means what it says, and no file can hurt its reader."""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_NODES = 100_000
"""Most values a file may stand for, with every alias written out."""


def parse_yaml(text: str) -> tuple[Any, yaml.Node | None]:
    """Parse one document into plain values: dictionaries, lists, text, numbers, true, false and null.

    `1e-3` is a number; `no`, `on`, `12:30`, `010` and `2024-01-01` are words. Tags that would build other
    objects, repeated keys, and aliases that refer to themselves or multiply without bound are errors.

    Returns:
        The values, and the node tree that knows their lines.

    Raises:
        yaml.YAMLError: the text is not such a document; most carry a mark of the place.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None, None
        _check(root, {})
        return loader.construct_document(root), root
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    finally:
        loader.dispose()


_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """A safe loader with the scalar rules below."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own attribute; filled by add_implicit_resolver

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put the keys that `<<` merges in, of which earlier sources and the node's own keys win.

        PyYAML 6.0.4 lets a key that a merged mapping overrides win over the one that overrides it.
        """
        own = [pair for pair in node.value if pair[0].tag != _MERGE]
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(source, yaml.MappingNode):
                    raise yaml.MarkedYAMLError(
                        problem="only mappings can be merged by <<", problem_mark=source.start_mark
                    )
                self.flatten_mapping(source)
                for pair in source.value:
                    merged.setdefault(pair[0].value, pair)
        names = {key.value for key, _ in own}
        node.value = [pair for name, pair in merged.items() if name not in names] + own


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _check(node: yaml.Node, sizes: dict[int, int | None]) -> int:
    """Refuse repeated keys and runaway aliases; return how many values a node stands for.

    `sizes` remembers nodes by identity; None marks a node that is being looked into.
    """
    if id(node) in sizes:
        size = sizes[id(node)]
        if size is None:
            raise yaml.MarkedYAMLError(problem="an alias refers to itself", problem_mark=node.start_mark)
        return size
    sizes[id(node)] = None
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key.start_mark)
            if key.value in names:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key.value!r} appears twice", problem_mark=key.start_mark
                )
            names.add(key.value)
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    size = 1 + sum(_check(child, sizes) for child in children)
    if size > MAX_NODES:
        raise yaml.MarkedYAMLError(
            problem=f"its aliases stand for more than {MAX_NODES} values", problem_mark=node.start_mark
        )
    sizes[id(node)] = size
    return size
