"""What a network wants of its input: as its card says, else as its library does."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from ...base import RaybenchError, document_from
from ..card import Card
from ..input import Input
from .names import facts_of_card

_OFFICIAL = ("1378be20", "0cc3c7bd")
"""How the SHA-256 of torchvision's own weights of GoogLeNet and Inception v3 begin."""

_SHORT = {"mean": "mean", "std": "std", "size": "input_size", "range": "input_range"}
"""Fields of `Input` that a card may give without it, and their names there."""


def resolved(card: Card) -> Card:
    """Return the card with its class list and all that it leaves out of its input as its library says.

    Raises:
        RaybenchError: the card says another mean or std than torchvision does of the same weights, or no
            library knows its classes.
    """
    if card.classes == "auto":
        card = card.model_copy(update={"classes": facts_of_card(card).class_list()})
    said, own = _said(card), _own(card)
    if (url := _torchvision_url(card)) and (
        wrong := [key for key in ("mean", "std") if _differ(key, said, own)]
    ):
        given = " and ".join(f"{key} {list(said[key])}" for key in wrong)
        theirs = " and ".join(str(list(own[key])) for key in wrong)
        raise RaybenchError(
            f"checkpoint {card.name!r}: its card gives {given}, but {url} was trained with {theirs}; leave "
            f"{'both' if len(wrong) > 1 else 'it'} out"
        )
    if tuple(said.get("range", (0, 1))) != tuple(own.get("range", (0, 1))):
        own = {key: value for key, value in own.items() if key not in ("range", "mean", "std")}
    whole = {"mean": card.mean, "std": card.std, **own, **said}
    if "img_size" in card.architecture_options:
        whole = {**whole, "size": _sides(card.architecture_options["img_size"]), "any_size": None} | said
    merged = document_from(whole, Input, f"checkpoint {card.name!r}: input")
    short = {"mean": merged.mean, "std": merged.std, "input_range": merged.range[1]}
    fixed = {"input_size": merged.size} if merged.any_size is False else {}
    return card.model_copy(update={"input": merged, **short, **fixed})


def contradictions(card: Card) -> list[str]:
    """Say where a resolved card departs from what the library says of the weights that it names."""
    of_library = [source.url for source in card.weights if (source.url or "").startswith(("timm:", "hf:"))]
    own = _own(card) if of_library else {}
    said = card.input.model_dump()
    return [
        f"its card gives {key} {said[key]}, but {of_library[0]} was trained with {tuple(own[key])}"
        for key in ("mean", "std", "range")
        if _differ(key, said, own)
    ]


def own_input_of(module: nn.Module) -> dict[str, Any]:
    """Fields of `Input` that a network of timm says of itself; whether it takes other sizes shows itself."""
    config = getattr(module, "pretrained_cfg", None)
    if not isinstance(config, dict) or not config.keys() >= {"input_size", "interpolation", "crop_pct"}:
        return {}
    found: dict[str, Any] = _library("timm").input_of_config(config)
    return {key: value for key, value in found.items() if key != "any_size"}


def set_transform_input(module: nn.Module, card: Card, sha256: str) -> None:
    """Have GoogLeNet and Inception v3 of torchvision change the input's mean and std where they should.

    torchvision's own weights were made for inputs of mean and std 0.5, to which the network itself brings the
    usual ones; only the library's own way to load them switches that on.

    Raises:
        RaybenchError: the card does not say it of weights that are not torchvision's own, or says it of
            another network.
    """
    if not isinstance(getattr(module, "transform_input", None), bool):
        if card.transform_input is not None:
            raise RaybenchError(
                f"checkpoint {card.name!r}: {card.architecture} has no transform_input; leave it out "
                "of the card"
            )
        return
    official = any((source.url or "").startswith("torchvision:") for source in card.weights)
    official = official or sha256.startswith(_OFFICIAL)
    if official and card.transform_input is False:
        raise RaybenchError(
            f"checkpoint {card.name!r}: torchvision's own weights of {card.architecture} need "
            "transform_input: true; leave it out of the card"
        )
    if not official and card.transform_input is None:
        raise RaybenchError(
            f"checkpoint {card.name!r}: {card.architecture} may change its input's mean and std, and the "
            "weights do not say whether; write transform_input: true into the card if they were trained "
            "further from torchvision's own, and false if they were trained anew"
        )
    setattr(module, "transform_input", official or card.transform_input)  # noqa: B010 - no tensor or module


def _said(card: Card) -> dict[str, Any]:
    """Fields of `Input` that a card gives itself."""
    short = {key: getattr(card, field) for key, field in _SHORT.items() if field in card.model_fields_set}
    if "range" in short:
        short["range"] = (0, short["range"])
    if short.get("size", ()) is None:
        del short["size"]
    fixed = {"any_size": False} if card.input_size else {}
    return short | fixed | {key: getattr(card.input, key) for key in card.input.model_fields_set}


def _own(card: Card) -> dict[str, Any]:
    """Fields of `Input` that the library of the weights, else that of the architecture, gives."""
    if url := _torchvision_url(card):
        return _library("torchvision").input_of_weights(url.removeprefix("torchvision:")) or {}
    for source in card.weights:
        for prefix, module in (("timm:", "timm"), ("hf:", "hugging_face")):
            if source.url and source.url.startswith(prefix):
                return _input_of(module, source.url.removeprefix(prefix))
    if card.architecture.startswith("timm:"):
        return _input_of("timm", card.architecture.removeprefix("timm:"))
    if card.architecture.startswith("hf:"):
        return _input_of("hugging_face", card.architecture.removeprefix("hf:"))
    if ":" not in card.architecture:
        found: dict[str, Any] = _library("torchvision").input_of_architecture(card.architecture)
        return found
    return {}


def _input_of(module: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = _library(module).input_of(name)
    return found


def _library(module: str) -> Any:
    return importlib.import_module(f".{module}", __package__)


def _torchvision_url(card: Card) -> str:
    urls = (source.url or "" for source in card.weights)
    return next((url for url in urls if url.startswith("torchvision:")), "")


def _differ(key: str, said: dict[str, Any], own: dict[str, Any]) -> bool:
    return key in said and key in own and tuple(said[key]) != tuple(own[key])


def _sides(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
