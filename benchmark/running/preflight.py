"""Before hours of measuring: every network that has work left is loaded and tried on one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ...attributions import found_target_layer
from ...base import RaybenchError
from ...checkpoints import Card, Network
from ..loading import View
from ..measuring import Pass, check_input_size, misfits, rehearse
from ..results import Manifest
from .account import note_rehearsal
from .machine.crew import Crew
from .networks import refusal, refuse_replaced_weights, undefined_methods, verified
from .plan import Plan
from .progress import Reporter

_MOST_KEPT = 1_000_000_000
"""Bytes of weights that wait for their turn, instead of being loaded again."""


class _Fit(NamedTuple):
    """What a network cannot do of a plan, by label of the method, or an empty one for predictions, and why.

    Attributes:
        undefined: all of it.
        options: what a method could do under other options.
        not_shown: what is wrong with the size of the pictures, if that is it.
    """

    undefined: dict[str, str]
    options: dict[str, str]
    not_shown: str = ""


def rehearse_all(
    plan: Plan, manifest: Manifest, crew: Crew, left: Callable[[Card | None], Pass], reporter: Reporter
) -> dict[str, Network]:
    """Rehearse every pass with work left; note which methods are not defined, and remarks on networks.

    Args:
        plan: of the run.
        manifest: is added to, in every process alike.
        crew: of which the leading process rehearses.
        left: returns what is left to measure of a checkpoint.
        reporter: told of what is not defined, and of the remarks.

    Returns:
        The networks that were loaded, by name, as far as they can be measured as they are: these need not be
        loaded again. The first one, and others up to a gigabyte.

    Raises:
        RaybenchError: something does not do what it promises, or a method's options fit no network; nothing
            has been measured.
    """
    kept: dict[str, Network] = {}
    room = _MOST_KEPT
    reasons: list[str] = []
    refusals: list[dict[str, str]] = []
    for card in plan.cards or (None,):
        work = left(card)
        if not len(work.images):
            if card:
                crew.agree(partial(refuse_replaced_weights, plan, card, manifest))
            continue
        loaded: list[Network] = []
        fit = crew.lead(partial(_fit, plan, card, manifest, loaded)) if card else _Fit({}, {})
        if card and fit.undefined != manifest["not_defined"].get(card.name, {}):
            manifest["not_defined"][card.name] = fit.undefined
            work = left(card)
        remarks, unfit, found = crew.lead(partial(_rehearse, work, loaded))
        if card:
            manifest["not_defined"][card.name] = undefined = fit.undefined | unfit
            refusals.append(fit.options | unfit)
            if fit.not_shown:
                reasons.append(fit.not_shown)
                remarks.append(f"not measured: {fit.not_shown}")
            crew.lead(partial(note_rehearsal, plan, manifest, card, undefined, remarks, found))
            _say(reporter, card, undefined, remarks)
        if loaded and crew.size == 1 and plan.settings.compile == "no":
            room -= _bytes_of(loaded[0])
            kept |= {loaded[0].name: loaded[0]} if room >= 0 or not kept else {}
    crew.agree(partial(_refuse_what_fits_no_network, plan, reasons, refusals))
    return kept


def _refuse_what_fits_no_network(
    plan: Plan, not_shown: Sequence[str], refusals: Sequence[dict[str, str]]
) -> None:
    """Raise `RaybenchError` if no network takes the pictures, or none a method's options."""
    if not_shown and len(not_shown) == len(plan.cards):
        raise RaybenchError(not_shown[0])
    for method in plan.attributions:
        told = [unfit[method.label] for unfit in refusals if method.label in unfit]
        if told and method.options and len(told) == len(plan.cards):
            thing = f"attribution {method.label!r}"
            raise RaybenchError(told[0] if thing in told[0] else f"{thing}: {told[0]}")


def _bytes_of(network: Network) -> int:
    return sum(one.numel() * one.element_size() for one in network.module.state_dict().values())


def _fit(plan: Plan, card: Card, manifest: Manifest, loaded: list[Network]) -> _Fit:
    """Load a checkpoint into `loaded` and look at it."""
    network = verified(plan, card, manifest)
    loaded.append(network)
    methods = [method for method in plan.attributions if method.attribution.kind == "network"]
    undefined = undefined_methods(plan, network)
    options = {
        method.label: undefined[method.label]
        for method in methods
        if method.label in undefined
        and method.options
        and not refusal(partial(replace(method, options={}).check, network))
    }
    cropped: list[View] = [metric.metric.view for metric in plan.metrics if metric.metric.view is not None]
    whole: list[View] = ["whole"] if methods else []
    refused: list[str] = []
    views: list[View] = []
    for asked, shown in (([method.label for method in methods], whole), ([""], cropped)):
        if refusal(partial(check_input_size, network, plan.protocol, shown)):
            refused, views = refused + asked, views + shown
    not_shown = refusal(partial(check_input_size, network, plan.protocol, views))
    return _Fit(undefined | dict.fromkeys(refused, not_shown), options, not_shown)


def _rehearse(work: Pass, loaded: list[Network]) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """Return remarks on a network, which methods do not fit it and why, and at which layer maps are read."""
    if not loaded:
        return rehearse(work, None), {}, {}
    (network,) = loaded
    work, unfit = work.seen_by(network), {}
    try:
        remarks = rehearse(work, network)
    except RaybenchError:
        unfit = misfits(work, network)
        if not unfit:
            raise
        fitting = [job for job in work.jobs if job.attribution.label not in unfit]
        remarks = rehearse(replace(work, jobs=fitting), network)
    found = found_target_layer(network)
    return remarks, unfit, found.facts if found else {}


def _say(reporter: Reporter, card: Card, undefined: dict[str, str], remarks: list[str]) -> None:
    labels: dict[str, list[str]] = {}
    for label, reason in undefined.items():
        labels.setdefault(reason, []).append(label or "predictions")
    for reason, some in labels.items():
        reporter.say(f"{card.name}, {', '.join(some)}: not defined: {reason}")
    for remark in remarks:
        reporter.say(f"{card.name}: {remark}")
