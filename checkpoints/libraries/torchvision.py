"""What torchvision says of its classifiers and their weights."""

from __future__ import annotations

import re
from typing import Any

import torchvision
from torchvision import models

from ...base import RaybenchError, UnknownNameError
from .facts import UNTRAINED, Facts, crop_share, plain_name

_VERSION = f"torchvision {torchvision.__version__.partition('+')[0]}"


def facts_of(name: str) -> Facts:
    """Look up `ARCHITECTURE`, `ARCHITECTURE@WEIGHTS` or `ARCHITECTURE@random`.

    Raises:
        UnknownNameError: torchvision has no such classifier, or no such weights of it.
        RaybenchError: it has no weights at all.
    """
    architecture, _, wanted = name.partition("@")
    known = models.list_models(module=models)
    if architecture not in known:
        raise UnknownNameError("torchvision architecture", architecture, known)
    members = models.get_model_weights(architecture)
    by_name = {member.name: member for member in members}
    if wanted == UNTRAINED:
        weights = next(iter(members), None)
        card: dict[str, Any] = {"weights": "random", "source": f"{_VERSION}, untrained"}
    else:
        wanted = wanted.rpartition(".")[2] or getattr(getattr(members, "DEFAULT", None), "name", "")
        if not by_name:
            raise RaybenchError(
                f"torchvision:{architecture} has no pretrained weights; give a card with weights, or ask for "
                f"untrained ones: torchvision:{architecture}@{UNTRAINED}"
            )
        if wanted not in by_name:
            raise UnknownNameError(f"weights of torchvision:{architecture}", wanted, by_name)
        weights = by_name[wanted]
        card = _card_of_weights(weights)
    labels = (weights.meta.get("categories") or ()) if weights else ()
    if weights and not labels:
        raise RaybenchError(
            f"torchvision:{architecture}@{wanted} is no classifier: its weights have no classes"
        )
    title = plain_name(f"torchvision-{architecture}-{wanted}")
    return Facts(
        name=f"torchvision:{architecture}@{wanted}",
        card={"name": title, "architecture": architecture, **card},
        input=_input_of(weights) if weights else {},
        classes=labels,
        count=len(labels) or 1000,
        said_by=_VERSION,
    )


def names() -> list[str]:
    """All classifiers with each of their weights."""
    return [
        f"{architecture}@{weights.name}"
        for architecture in models.list_models(module=models)
        for weights in models.get_model_weights(architecture)
    ]


def input_of_weights(member: str) -> dict[str, Any] | None:
    """Fields of `Input` that weights were trained for, or None where there are no such weights."""
    try:
        return _input_of(models.get_weight(member))
    except (ValueError, AttributeError):  # their download says it better
        return None


def input_of_architecture(architecture: str) -> dict[str, Any]:
    """Size and filter of an architecture's first weights: what it was made for; nothing of its statistics."""
    if architecture not in models.list_models(module=models):
        return {}
    weights = next(iter(models.get_model_weights(architecture)), None)
    found = _input_of(weights) if weights else {}
    return {key: value for key, value in found.items() if key not in ("mean", "std")}


def _card_of_weights(weights: Any) -> dict[str, Any]:
    found = re.search(r"-([0-9a-f]{8,64})\.pth$", weights.url)
    measured = weights.meta.get("_metrics", {}).get("ImageNet-1K", {})
    quoted = {"top1_accuracy": measured.get("acc@1"), "top5_accuracy": measured.get("acc@5")}
    licence = weights.meta.get("license")
    return {
        "weights": {"url": f"torchvision:{weights}", **({"sha256": found[1]} if found else {})},
        "source": f"{_VERSION}, {weights}",
        "reported": {key: value for key, value in quoted.items() if value is not None},
        **({"licence": licence} if licence else {}),
    }


def _input_of(weights: Any) -> dict[str, Any]:
    transforms = weights.transforms()
    (size, *_), (resized, *_) = transforms.crop_size, transforms.resize_size
    return {
        "size": [size, size],
        "mean": list(map(float, transforms.mean)),
        "std": list(map(float, transforms.std)),
        "interpolation": transforms.interpolation.value,
        "crop_pct": crop_share(size, resized),
    }
