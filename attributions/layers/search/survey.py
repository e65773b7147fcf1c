"""What is to be said of every layer at which maps of a network might be read."""

from __future__ import annotations

from typing import NamedTuple

from ....base import RaybenchError
from ...interface import NetworkLike
from .candidates import Candidate, calls_of, examined, share_passing, usable_size
from .target_layer import target_layer_of


class SurveyedLayer(NamedTuple):
    """A layer, and how much of the evidence passes it.

    Attributes:
        candidate: what is known of it.
        share: of what makes two pictures' scores different, 1 for all; may lie outside of 0 to 1 where parts
            that pass and parts that do not work against each other.
        cut: whether all of it passes.
    """

    candidate: Candidate
    share: float
    cut: bool


class Survey(NamedTuple):
    """The layers of a network, the last first.

    Attributes:
        size: height and width of the pictures that it was tried on.
        layers: those that may have places.
        found: the name of the one that `auto` reads; empty if it finds none.
        reason: why it finds none.
    """

    size: tuple[int, int]
    layers: tuple[SurveyedLayer, ...]
    found: str
    reason: str


def survey(network: NetworkLike, most: int) -> Survey:
    """Look at the last layers of a network that may have places, up to a number of them.

    Raises:
        RaybenchError: the network runs on no picture, or its scores do not depend on it.
    """
    found = reason = ""
    try:
        found = target_layer_of(network).name
    except RaybenchError as error:
        reason = str(error)
    size = usable_size(network)
    calls = calls_of(network, size)
    layers: list[SurveyedLayer] = []
    for start in range(0, len(calls), most):
        for candidate in examined(network, calls[start : start + most], size):
            if min(candidate.layout.height, candidate.layout.width) > 1 and len(layers) < most:
                name = candidate.call.name
                layers.append(SurveyedLayer(candidate, *share_passing(network, name, size)))
        if len(layers) == most:
            break
    return Survey(size, tuple(layers), found, reason)


def examined_layer(network: NetworkLike, name: str) -> SurveyedLayer | None:
    """Look at one layer; None if it does not give one tensor that may have places, once in a forward pass.

    Raises:
        RaybenchError: as `survey`.
    """
    size = usable_size(network)
    calls = [call for call in calls_of(network, size) if call.name == name]
    for candidate in examined(network, calls, size):
        return SurveyedLayer(candidate, *share_passing(network, name, size))
    return None
