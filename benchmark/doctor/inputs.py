"""Whether pictures reach a network as in its training, and its outputs stand for what its list says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from scipy.stats import binomtest

from ...base import RaybenchError
from ...checkpoints import Network
from ..measuring import logits_of
from .findings import Finding, Patient

_ENOUGH = 8
"""Labelled pictures from which something can be told."""

_MOST = 32
_SURELY = 2.0
"""Standard errors by which another preprocessing has to be better."""

_TOO_SURE = 0.15
"""What a network may be surer than it is right, beyond chance: trained ones are overconfident by less."""


def preprocessing(patient: Patient) -> Iterator[Finding]:
    """Try other orders of colour and ranges of values: none may make the right classes likelier."""
    labelled, network = patient.labelled[:_MOST], patient.network
    if len(labelled) < _ENOUGH:
        return
    own = _likelihoods(patient, network)
    worst: tuple[float, str] = (0.0, "")
    for words, changes in _others(network).items():
        other = replace(network, card=network.card.model_copy(update=dict(changes)))
        try:
            gained = _likelihoods(patient, other) - own
        except RaybenchError:  # no numbers come of it
            continue
        error = float(gained.std()) / math.sqrt(len(gained))
        sure = float(gained.mean()) / max(error, 1e-9)
        if sure > _SURELY and float(gained.mean()) > max(0.05, worst[0]):
            worst = (float(gained.mean()), words)
    if worst[1]:
        yield Finding(
            "preprocessing",
            "warning",
            f"the right classes of {len(labelled)} pictures are {math.exp(worst[0]):.2g} times as likely "
            f"with {worst[1]} as with what the card says",
            "give the card channels, input_range, mean and std as the network was trained with",
        )
    else:
        yield Finding("preprocessing", "ok", "no other order of colours or range of values suits better")


def accuracy(patient: Patient) -> Iterator[Finding]:
    """Compare how often the network is right with how sure it is."""
    labelled, network = patient.labelled, patient.network
    if len(labelled) < _ENOUGH or network.multi_label:
        return
    right, sureness = 0, 0.0
    for picture, class_index in labelled:
        chances = logits_of(network, picture, "crop", patient.protocol).softmax(0)
        right += int(chances.argmax()) == class_index
        sureness += float(chances.max()) / len(labelled)
    low, high = binomtest(right, len(labelled)).proportion_ci(method="wilson")
    words = f"{right} of {len(labelled)} pictures right ({low:.0%} to {high:.0%})"
    if sureness > high + _TOO_SURE:
        yield Finding(
            "classes",
            "warning",
            f"{words}, but it is {sureness:.0%} sure",
            f"check that its outputs follow the list {network.classes.name!r} in this order, and its "
            "preprocessing",
        )
    else:
        yield Finding("classes", "ok", f"{words}, and {sureness:.0%} sure")


def _likelihoods(patient: Patient, network: Network) -> torch.Tensor:
    """Logarithms of the probabilities of the right classes (n,) float64."""
    found = []
    for picture, class_index in patient.labelled[:_MOST]:
        logits = logits_of(network, picture, "crop", patient.protocol).double()
        found.append(logits.log_softmax(0)[class_index])
    return torch.stack(found).cpu()


def _others(network: Network) -> dict[str, Mapping[str, Any]]:
    """Name other ways in which networks are shown pictures, as changes of a card."""
    card = network.card
    turned = "bgr" if card.channels == "rgb" else "rgb"
    unit: dict[str, Any] = {"input_range": 1}
    wide: dict[str, Any] = {"input_range": 255, "std": (1.0, 1.0, 1.0)}
    found: dict[str, Mapping[str, Any]] = {
        f"channels: {turned}": {"channels": turned},
        "pixels from 0 to 255": {**wide, "mean": (0.0, 0.0, 0.0)},
        "pixels from 0 to 255 less ImageNet's mean": {**wide, "mean": (123.675, 116.28, 103.53)},
        "pixels from 0 to 1": {**unit, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
        "pixels from -1 to 1": {**unit, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
        "ImageNet's mean and std": {
            **unit,
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
        },
    }
    return {words: one for words, one in found.items() if any(getattr(card, k) != v for k, v in one.items())}
