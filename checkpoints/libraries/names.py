"""Names of libraries' networks, such as `timm:convnext_tiny.fb_in1k`, and the cards that they stand for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from ...base import RaybenchError, UnknownNameError
from ..card import Card
from .facts import UNTRAINED, Facts, card_from

LIBRARIES: Mapping[str, str] = {"torchvision": "torchvision", "timm": "timm", "hf": "hugging_face"}
"""Modules beside this one by what stands before the colon; each is imported when it is asked."""


def names_network(name: str) -> bool:
    """Say whether a name has a library in front."""
    library, colon, rest = name.partition(":")
    return bool(colon and rest) and library in LIBRARIES


def facts_of_name(name: str) -> Facts:
    """Look up a network of a library.

    Raises:
        UnknownNameError: the library has no such network; names the nearest.
        RaybenchError: the library is not installed, or has no weights of it.
    """
    library, _, rest = name.partition(":")
    module = importlib.import_module(f".{LIBRARIES[library]}", __package__)
    try:
        facts: Facts = module.facts_of(rest)
    except UnknownNameError as error:
        raise error.at(f"checkpoint {name!r}") from None
    return facts


def library_names(library: str) -> list[str]:
    """Names of the networks of a library that have weights, without the library in front.

    Raises:
        RaybenchError: the library is not installed.
    """
    names: list[str] = importlib.import_module(f".{LIBRARIES[library]}", __package__).names()
    return names


def card_of_name(name: str, folder: Path = Path()) -> Card:
    """Make the card that the name of a library's network stands for.

    Args:
        name: such as `torchvision:resnet50`, `timm:convnext_tiny.fb_in1k` or `hf:microsoft/resnet-50`;
            weights are the library's default unless it names others, and `@random` asks for untrained ones.
        folder: that a relative folder behind `hf:` starts from.
    """
    beside = "/" not in name and name.startswith("hf:") and (folder / name[3:] / "config.json").is_file()
    if name.startswith(("hf:.", "hf:~")) or beside:
        name = f"hf:{(folder / Path(name[3:]).expanduser()).resolve()}"
    return card_from(facts_of_name(name))


def facts_of_card(card: Card) -> Facts:
    """Look up the network of a card in its library, by its weights, or else by its architecture.

    Raises:
        RaybenchError: neither is of a library that could say it.
    """
    for source in card.weights:
        if source.url and source.url.startswith("torchvision:"):
            return facts_of_name(f"torchvision:{card.architecture}@{source.url.rpartition('.')[2]}")
        if source.url and names_network(source.url):
            return facts_of_name(source.url)
    architecture = card.architecture if ":" in card.architecture else f"torchvision:{card.architecture}"
    if not names_network(architecture):
        raise RaybenchError(
            f"checkpoint {card.name!r}: neither its weights nor its architecture are of a library that names "
            "its classes; write classes: FILE.txt, with one class per line"
        )
    return facts_of_name(architecture if architecture.startswith("hf:") else f"{architecture}@{UNTRAINED}")
