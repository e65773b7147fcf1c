"""All checks, one after the other; what a run would refuse ends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import PIL.Image

from ...base import RaybenchError
from .findings import Example, Finding, Patient
from .inputs import accuracy, preprocessing
from .layers import target_layer
from .methods import maps_of_methods
from .scores import size, steady, what_scores_are

_CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    size,
    what_scores_are,
    steady,
    target_layer,
    preprocessing,
    accuracy,
    maps_of_methods,
)


def examine(patient: Patient) -> Iterator[Finding]:
    """Yield what is found, check by check; behind a refusal of the network itself nothing is tried."""
    for remark in patient.network.remarks:
        yield Finding("loading", "ok", remark)
    for check in _CHECKS:
        try:
            findings = list(check(patient))
        except RaybenchError as error:
            findings = [Finding(check.__name__.replace("_", " "), "refusal", str(error))]
        yield from findings
        if check is not maps_of_methods and any(one.mark == "refusal" for one in findings):
            return


def made_up_pictures(count: int) -> list[Example]:
    """Pictures of coloured noise of three scales, the same in every call, where no data is given."""
    drawn, found = np.random.default_rng(0), []
    for _ in range(count):
        total = np.zeros((240, 320, 3))
        for side in (3, 15, 240):
            small = drawn.integers(0, 256, (side, side, 3), dtype=np.uint8)
            large = PIL.Image.fromarray(small).resize((320, 240), PIL.Image.Resampling.BICUBIC)
            total += np.asarray(large, dtype=np.float64) / 3
        found.append(Example(PIL.Image.fromarray(total.astype(np.uint8))))
    return found
