"""What a network wants of its input, as far as the library that it comes from says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from ...base import RaybenchError
from ..card import Card

__all__ = ["set_transform_input", "statistics_of", "with_own_statistics"]

Triple = tuple[float, float, float]
Statistics = tuple[Triple, Triple]

_OFFICIAL = ("1378be20", "0cc3c7bd")
"""How the SHA-256 of torchvision's own weights of GoogLeNet and Inception v3 begin."""


def with_own_statistics(card: Card) -> Card:
    """Return the card with mean and standard deviation as its library says, where it gives none itself.

    Raises:
        RaybenchError: the card says others than torchvision does of the same weights.
    """
    given = {"mean", "std"} & card.model_fields_set
    for source in card.weights:
        if source.url and source.url.startswith("torchvision:"):
            own = _of_torchvision(source.url.removeprefix("torchvision:"))
            if own is None:
                return card
            if given and (tuple(card.mean), tuple(card.std)) != own:
                raise RaybenchError(
                    f"checkpoint {card.name!r}: its card gives mean {list(card.mean)} and std "
                    f"{list(card.std)}, but {source.url} was trained with {list(own[0])} and {list(own[1])}; "
                    "leave both out"
                )
            return card.model_copy(update={"mean": own[0], "std": own[1]})
    if not given and card.input_range == 1 and card.architecture.startswith("timm:"):
        own = _of_timm(card.architecture.removeprefix("timm:"))
        if own is not None:
            return card.model_copy(update={"mean": own[0], "std": own[1]})
    return card


def statistics_of(module: nn.Module) -> Statistics | None:
    """Mean and standard deviation that a network of timm says of itself."""
    config = getattr(module, "pretrained_cfg", None)
    return _statistics(config) if isinstance(config, dict) else None


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


def _of_torchvision(member: str) -> Statistics | None:
    from torchvision import models

    try:
        transforms = models.get_weight(member).transforms()
    except (ValueError, AttributeError):  # no such weights, which their download says better
        return None
    return _statistics(vars(transforms))


def _of_timm(name: str) -> Statistics | None:
    try:
        from timm.models import get_pretrained_cfg
    except ImportError:  # building the network says it better
        return None
    config = get_pretrained_cfg(name)
    return _statistics({"mean": config.mean, "std": config.std}) if config else None


def _statistics(facts: dict[str, Any]) -> Statistics | None:
    mean, std = facts.get("mean"), facts.get("std")
    usable = all(isinstance(one, (tuple, list)) and len(one) == 3 for one in (mean, std))
    return (_triple(mean), _triple(std)) if usable and mean and std else None


def _triple(values: Iterable[float]) -> Triple:
    first, second, third = map(float, values)
    return first, second, third
