"""The networks, methods, rules and pictures of a suite, as patients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base import RaybenchError
from ...checkpoints import load_network
from ..running import Plan, Reporter
from ..suite import Settings
from .findings import Example, Patient


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
