"""Whether maps are read at a layer that has places, and that the evidence passes."""

from __future__ import annotations

from collections.abc import Iterator

from ...attributions import examined_layer, target_layer_of
from ...base import RaybenchError
from .findings import Finding, Mark, Patient

_LITTLE = 0.5
_PLACES = 0.05
_LEFT = 1e-3


def target_layer(patient: Patient) -> Iterator[Finding]:
    """Look at the layer that methods read: the one that the card names, or the one that is found."""
    network, named = patient.network, patient.network.target_layer
    try:
        found = target_layer_of(network)
    except RaybenchError as error:
        mark: Mark = "warning" if named is None else "ok"
        words = str(error) if named is None else f"{named!r}, as the card says; the search finds none"
        remedy = "name target_layer in the card; methods without a layer work" if named is None else ""
        yield Finding("target layer", mark, words, remedy)
        found = None
    if named is None:
        if found:
            yield Finding("target layer", "ok", found.words)
        return
    faults = list(_faults(patient, named))
    better = f"such as {found.name!r}, which is found by trying" if found else "see raybench layers"
    for words in faults:
        yield Finding("target layer", "warning", f"{named!r}: {words}", f"name another layer, {better}")
    if not faults and found:
        yield Finding("target layer", "ok", f"{named!r}, as the card says")


def _faults(patient: Patient, named: str) -> Iterator[str]:
    looked = examined_layer(patient.network, named)
    if looked is None:
        yield "it does not give one tensor with places once in a forward pass"
        return
    candidate, share, cut = looked
    if min(candidate.layout.height, candidate.layout.width) < 2:
        yield f"it has {candidate.layout.height} x {candidate.layout.width} places, of which no map is made"
    elif candidate.places < _PLACES:
        yield f"scores depend on it at {candidate.places:.0%} of its places, as behind the last attention"
    elif candidate.left < _LEFT:
        yield (
            "activations times gradients cancel in sums over channels, as ahead of a layer normalisation "
            f"({candidate.left:.0e} is left)"
        )
    elif not cut and abs(share) < _LITTLE and not candidate.call.normalises:
        yield f"{share:.0%} of the evidence passes it, the rest goes around"
