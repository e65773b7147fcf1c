"""Section `asking`: metrics that ask the network again, against bare passes and other libraries."""

from __future__ import annotations

from functools import partial

from ..apart import apart
from ..options import Options, Section
from ..report import table
from ..turns import in_turn, ratio, spread
from ..ways.asking import PAIRS, seconds

__all__ = ["ASKING"]

_SIDE, _QUICK_SIDE = 224, 32
_NETWORK, _QUICK_NETWORK = "resnet18", "raybench.checkpoints.shapes_net:shapes_net"


def measure(options: Options) -> list[str]:
    """Time each way once per round, in turn, and compare within rounds."""
    side, network = (_QUICK_SIDE, _QUICK_NETWORK) if options.quick else (_SIDE, _NETWORK)
    pairs = [pair for pair in PAIRS if options.wants(pair[0])]
    ways = dict.fromkeys(way for _, ours, theirs, _ in pairs for way in (ours, theirs))
    given = {"architecture": network, "side": side, "cores": options.cores}
    found = in_turn({way: partial(apart, seconds, options, way=way, **given) for way in ways}, options.rounds)
    times = {way: [float(one["seconds"]) for one in results] for way, results in found.items()}
    rows = [
        [what, theirs, str(spread(times[ours])), str(ratio(times[theirs], times[ours])), goal]
        for what, ours, theirs, goal in pairs
    ]
    return [
        f"One picture of {side} x {side}, untrained ResNet-18, {options.cores} threads, one call after the "
        "network has run once. On a CPU curves are almost nothing but passes. ROAD solves on all threads. "
        "Random parts (`faithfulness_correlation`, `sensitivity_n`, `infidelity`) are shown once for all "
        "methods and classes of a picture, so that four methods take as long as one; no other library "
        "shares them.",
        "",
        *table(["what", "against", "ours, seconds", "times as fast", "goal"], rows),
    ]


ASKING = Section("asking", measure)
