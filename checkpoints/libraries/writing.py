"""Writes the card of a network as YAML, with where each value came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ...base import CodeFiles, RaybenchError
from ..card import Card
from ..catalogue import find_card
from .facts import card_from, plain_name
from .inputs import resolved
from .names import facts_of_name, names_network

_ORDER = (
    *("name", "architecture", "architecture_options", "pooling", "classes", "multilabel", "scores"),
    *("weights", "target_layer", "layout", "excitation_layer", "contrast_layer"),
    *("channels", "input", "transform_input"),
    *("training", "source", "licence", "reported", "notes"),
)


def written_card(
    name: str, weights: Path | None, folder: Path, code: CodeFiles
) -> tuple[str, Mapping[str, str]]:
    """Write the card that a name stands for.

    Args:
        name: as for `find_card`.
        weights: a file in place of the weights that the name stands for.
        folder: where the card is to lie, for relative paths.
        code: where files with functions are looked for, and whether they may run.

    Returns:
        The card as YAML, and the class lists that have to lie beside it, by their file names.

    Raises:
        RaybenchError: as `find_card`, or nobody knows the network's classes.
    """
    lists: dict[str, str] = {}
    if names_network(name):
        facts = facts_of_name(name)
        try:
            card = card_from(facts)
        except RaybenchError:
            if not facts.classes:
                raise
            file = f"{plain_name(facts.name)}-classes.txt"
            lists[file] = "".join(f"{label}\n" for label in facts.classes)
            card = card_from(facts, classes=file)
        said_by = facts.said_by
    else:
        card, said_by = find_card(name, code), ""
    card = resolved(card)
    content = _content(card, folder, lists)
    if weights is not None:
        content["weights"] = {"path": _beside(str(weights.resolve()), folder)}
        content.pop("reported", None)
    lines = [_entry(key, content[key], _remark(key, said_by)) for key in _ORDER if key in content]
    return "".join(lines), lists


def _content(card: Card, folder: Path, lists: Mapping[str, str]) -> dict[str, Any]:
    """Everything a resolved card says, in plain values, without what every card means by default."""
    content: dict[str, Any] = card.model_dump(mode="json", exclude_defaults=True)
    for short in ("mean", "std", "input_range", "input_size"):
        content.pop(short, None)
    content["input"] = {
        key: value
        for key, value in card.input.model_dump(mode="json").items()
        if value is not None and (key != "step" or value != type(card.input)().step)
    }
    content["classes"] = card.classes if card.classes in lists else _beside(card.classes, folder)
    content["architecture"] = card.architecture
    content["weights"] = [_source(source, folder) for source in content.get("weights", [])]
    if len(content["weights"]) == 1:
        content["weights"] = content["weights"][0]
    if not content["weights"]:
        del content["weights"]
    return content


def _source(source: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    return {key: _beside(value, folder) if key == "path" else value for key, value in source.items()}


def _beside(text: str, folder: Path) -> str:
    """Return an absolute path as it is written in a card that lies in a folder; other words stay."""
    return os.path.relpath(text, folder.resolve()) if Path(text).is_absolute() else text


def _remark(key: str, said_by: str) -> str:
    if not said_by or key in ("name", "source"):
        return ""
    return f"  # {said_by}"


def _entry(key: str, value: Any, remark: str) -> str:
    """Write one key on one line: short mappings and lists in braces and brackets."""
    written = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    ).removesuffix("...\n")
    return f"{key}: {written.strip()}{remark}\n"
