"""Whether methods are defined for a network and give maps, and what they cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from ...attributions import BoundAttribution
from ...base import RaybenchError
from ..measuring import explain_image, peak_memory_mb
from .findings import Finding, Patient

_MOST = 8
_MANY, _SOME = 0.5, 0.05
_COSTLY = 60
"""Passes of a method from which it is tried on one picture alone."""


def maps_of_methods(patient: Patient) -> Iterator[Finding]:
    """Make maps of a few pictures by each method."""
    for method in patient.methods:
        if method.attribution.kind != "network":
            continue
        check = f"method {method.label}"
        try:
            method.check(patient.network)
            yield _tried(patient, method, check)
        except RaybenchError as error:
            yield Finding(check, "refusal", str(error), "leave it out for this network")


def _tried(patient: Patient, method: BoundAttribution, check: str) -> Finding:
    examples = patient.examples[: 1 if method.passes.of_one > _COSTLY else _MOST]
    start = time.perf_counter()
    made = [
        explain_image(
            patient.network, one.picture, one.class_index, attribution=method, protocol=patient.protocol
        )
        for one in examples
    ]
    seconds = (time.perf_counter() - start) / len(examples)
    bad = Counter(one.status[0] for one in made if one.status[0] != "ok")
    share = sum(bad.values()) / len(examples)
    if share > _SOME:
        told = ", ".join(f"{count} {status}" for status, count in sorted(bad.items()))
        return Finding(
            check,
            "refusal" if share > _MANY else "warning",
            f"of {len(examples)} maps that say nothing: {told}",
            "a gradient vanishes, or sums cancel: choose another layer or method",
        )
    return Finding(check, "ok", _cost(patient, seconds))


def _cost(patient: Patient, seconds: float) -> str:
    words = f"{1000 * seconds:.0f} ms a picture, {peak_memory_mb(patient.network.device):,.0f} MB in use"
    if patient.images:
        minutes = seconds * patient.images / 60
        words += f"; about {minutes:.0f} minutes for {patient.images:,} pictures in one process"
    return words
