"""Finds the layer at which maps are read, where nobody names one.

In words: the last layer to finish that still has a grid of places, on which the class scores depend at these
places, and around which no other path leads; if such a layer feeds a normalisation, the normalisation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from torch import nn

from ....base import RaybenchError
from ...interface import NetworkLike
from ..layouts import Layout, readings
from .candidates import (
    Call,
    Candidate,
    calls_of,
    examined,
    patches_followed,
    share_passing,
    usable_size,
)
from .places import NOT_AGAINST, SURE

_LIKELY = 0.5
"""Margin at which the only layout that fits a shape is believed; untrained deep networks blur."""

_REACHED = 0.05
"""Share of places that a score has to depend on."""

_LEFT = 1e-3
"""Of activations times gradients, what sums over channels have to leave."""

_CONFIRMED = 10 / 12
_TRUNK_BACK = 60
_AT_ONCE = 24


class TargetLayer(NamedTuple):
    """A layer that was found.

    Attributes:
        name: dotted.
        layout: for pictures of `size`.
        margin: see `Candidate`.
        size: height and width of the pictures that the network was tried on.
    """

    name: str
    layout: Layout
    margin: float
    size: tuple[int, int]

    @property
    def words(self) -> str:
        """Say it to people."""
        height, width = self.size
        return f"{self.name!r}, {self.layout.words} where the network is shown {height} x {width}"

    @property
    def facts(self) -> dict[str, Any]:
        """What results keep of it."""
        kind, height, width, prefix = self.layout
        return {
            "layer": self.name,
            "layout": kind,
            "places": [height, width],
            "prefix_tokens": prefix,
            "margin": round(min(self.margin, 1e6), 3),
            "size": list(self.size),
        }


_FOUND: WeakKeyDictionary[nn.Module, TargetLayer | RaybenchError] = WeakKeyDictionary()


def layer_to_read(layer: str | None, network: NetworkLike) -> str:
    """Return a layer that is named, else the network's target layer, else the one that is found.

    Raises:
        RaybenchError: none can be found.
    """
    return layer or network.target_layer or target_layer_of(network).name


def target_layer_of(network: NetworkLike) -> TargetLayer:
    """Find the layer at which maps of a network are read, whatever its card names; tried once.

    Raises:
        RaybenchError: there is none, or which it is cannot be told.
    """
    if network.module not in _FOUND:
        try:
            _FOUND[network.module] = _search(network)
        except RaybenchError as error:
            _FOUND[network.module] = RaybenchError(
                f"no target layer can be found: {error}; name target_layer in the card, or give the method "
                "the option layer"
            )
    found = _FOUND[network.module]
    if isinstance(found, RaybenchError):
        raise RaybenchError(str(found))
    return found


def found_target_layer(network: NetworkLike) -> TargetLayer | None:
    """Return the layer that was found since someone asked for it; None if nobody did, or a card names one."""
    found = None if network.target_layer else _FOUND.get(network.module)
    return found if isinstance(found, TargetLayer) else None


def _search(network: NetworkLike) -> TargetLayer:
    size = usable_size(network)
    calls = calls_of(network, size)
    for candidate in _candidates(network, calls, size):
        if candidate.places < _REACHED or candidate.left < _LEFT:
            continue
        name, layout = candidate.call.name, candidate.layout
        sole = candidate.only and layout.kind == "channels_first"
        margin = candidate.margin
        supported = candidate.spoken_for and margin > NOT_AGAINST
        likely = margin > SURE or supported or (sole and margin > _LIKELY)
        _, cut = share_passing(network, name, size)
        if not likely:
            if cut and candidate.margin > 0:
                raise _unsure(candidate)
            continue
        if not cut and not candidate.call.normalises:
            continue
        if not cut and not _has_trunk(network, candidate, calls, size):
            raise RaybenchError(
                "its scores come from several branches, and behind their join nothing has a grid of places "
                f"(the last normalisation of a branch is {name!r})"
            )
        if not (sole or supported) and patches_followed(network, name, layout, size) < _CONFIRMED:
            raise _unsure(candidate)
        return TargetLayer(name, layout, margin, size)
    raise RaybenchError("nothing ahead of its classifier has places that the scores depend on")


def _candidates(network: NetworkLike, calls: Sequence[Call], size: tuple[int, int]) -> Iterator[Candidate]:
    for start in range(0, len(calls), _AT_ONCE):
        yield from examined(network, calls[start : start + _AT_ONCE], size)


def _has_trunk(
    network: NetworkLike, candidate: Candidate, calls: Sequence[Call], size: tuple[int, int]
) -> bool:
    """Say whether ahead of a normalisation all evidence passes a layer of the same grid."""
    start = calls.index(candidate.call) + 1
    grid = candidate.layout.height, candidate.layout.width
    return any(
        share_passing(network, call.name, size)[1]
        for call in calls[start : start + _TRUNK_BACK]
        if any((one.height, one.width) == grid for one in readings(call.shape, size))
    )


def _unsure(candidate: Candidate) -> RaybenchError:
    return RaybenchError(
        f"all evidence passes {candidate.call.name!r}, but whether its features {candidate.call.shape} lie "
        f"as {candidate.layout.words} cannot be told"
    )
