"""All checks, one after the other; what a run would refuse ends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image

from ...base import RaybenchError
from ...checkpoints import load_network
from ..running import Plan, Reporter
from ..suite import Settings
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
        refused = False
        try:
            for finding in check(patient):  # told one by one: some methods take minutes
                refused = refused or finding.mark == "refusal"
                yield finding
        except RaybenchError as error:
            refused = True
            yield Finding(check.__name__.replace("_", " "), "refusal", str(error))
        if refused and check is not maps_of_methods:
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


def patients_of_suite(
    suite: str | Path, settings: Settings, images: int, reporter: Reporter
) -> Iterator[Patient]:
    """Load each network of a suite and yield it with pictures of the suite's dataset, spread over all of it.

    Raises:
        RaybenchError: the suite, the data or a network cannot be read.
    """
    plan = Plan.make(suite, settings, reporter)
    examples = list(_examples(plan, images))
    if not examples:
        raise RaybenchError(f"dataset {plan.dataset.name!r} has no picture that can be used")
    for card in plan.cards:
        network = load_network(card, device=plan.device, data=settings.data, trust_code=settings.trust_code)
        yield Patient(network, plan.attributions, plan.protocol, examples, len(plan.indices))


def _examples(plan: Plan, count: int) -> Iterator[Example]:
    step = max(1, len(plan.indices) // count)
    for index in plan.indices[::step][:count]:
        try:
            sample = plan.dataset[index]
        except RaybenchError:
            continue  # a run says which, and why
        classes = {query.class_index for query in sample.queries}
        if sample.image is not None:
            alone = len(classes) == 1 and not plan.dataset.multilabel
            yield Example(sample.image, classes.pop() if alone else None)
