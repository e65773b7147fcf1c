"""A user's own network without a card: a function in a file, whose keywords say what a card would."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..base import CodeFiles, RaybenchError, document_from, names_code, nearest, options_of, worded
from .card import Card

_EXAMPLE = "def my_network(*, classes='imagenet1k', target_layer='layer4')"


def card_of_function(name: str, code: CodeFiles) -> Card:
    """Make the card of a network that a function in a file returns, trained.

    Its keyword-only parameters are fields of the card, and their defaults the values; only `classes` is
    needed. Relative paths among them start from the file's folder.

    Args:
        name: such as `mine.py:my_network`.
        code: where files are looked for, and whether they may run.

    Raises:
        UnknownNameError: no such function in the file.
        RaybenchError: code of files is not trusted, the file cannot be run, or the keywords are no card.
    """
    function = code.function("checkpoint", name)
    facts = {key: value for key, value in options_of(function).items() if key != "num_classes"}
    thing = f"checkpoint {name!r}"
    for key, value in facts.items():
        if key not in Card.model_fields or key == "architecture":
            known = sorted(Card.model_fields.keys() - {"architecture"})
            close = nearest(key, known)
            hint = f"did you mean {close}?" if close else f"a card has: {', '.join(known)}"
            raise RaybenchError(f"{thing}: the keyword {key!r} of the function is no field of a card; {hint}")
        if value is inspect.Parameter.empty:
            raise RaybenchError(
                f"{thing}: the keyword {key!r} of the function has no value; give it a default"
            )
    if "classes" not in facts:
        raise RaybenchError(
            f"{thing} does not say what its outputs stand for; give the function the keyword classes, as in "
            f"{_EXAMPLE}"
        )
    path, _, short = name.rpartition(":")
    file = (code.folder / Path(path).expanduser()).resolve()
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}
    content = {"name": short, "source": f"{file.name}:{short}", **plain, "architecture": f"{file}:{short}"}
    return document_from(content, Card, thing).anchored(file.parent)


def function_of(card: Card, code: CodeFiles) -> Callable[..., Any] | None:
    """Return the function in a file that builds a card's network, if one does; its file's hash is noted."""
    if not names_code(card.architecture):
        return None
    return code.function(f"architecture of checkpoint {card.name!r}:", card.architecture)


def built_by(
    function: Callable[..., Any], thing: str, num_classes: int, options: Mapping[str, Any] | None = None
) -> nn.Module:
    """Call a function that builds a network, with some keywords, and with `num_classes` if it takes that.

    Raises:
        RaybenchError: it fails, or returns no module.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        parameters = None
    takes = parameters is None or "num_classes" in parameters
    takes = takes or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in (parameters or {}).values())
    try:
        module = function(**({"num_classes": num_classes} if takes else {}), **(options or {}))
    except RaybenchError:
        raise
    except Exception as error:  # others' code may fail in any way
        raise RaybenchError(f"{thing} has failed: {worded(error)}") from error
    if not isinstance(module, nn.Module):
        raise RaybenchError(f"{thing} returned {type(module).__name__}, not a torch.nn.Module")
    return module
