"""Before hours of measuring: every network that has work left is loaded and tried on one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...attributions import found_target_layer
from ...base import RaybenchError
from ...checkpoints import Card, Network
from ..loading import View
from ..measuring import Pass, check_input_size, rehearse
from ..results import Manifest
from .account import note_rehearsal
from .machine.crew import Crew
from .networks import network_of, refuse_other_weights, refuse_replaced_weights, undefined_methods
from .plan import Plan
from .progress import Reporter

__all__ = ["rehearse_all", "verified"]


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
        The first network that was loaded, if it can be measured as it is, by its name: it need not be loaded
        again. More would take memory.

    Raises:
        RaybenchError: something does not do what it promises; nothing has been measured.
    """
    kept: dict[str, Network] = {}
    reasons: list[str] = []
    for card in plan.cards or (None,):
        work = left(card)
        if not len(work.images):
            if card:
                crew.agree(partial(refuse_replaced_weights, plan, card, manifest))
            continue
        loaded: list[Network] = []
        undefined, not_shown = crew.lead(partial(_load, plan, card, manifest, loaded)) if card else ({}, {})
        if card and undefined != manifest["not_defined"].get(card.name, {}):
            manifest["not_defined"][card.name] = undefined
            work = left(card)
        remarks, found = crew.lead(partial(_rehearse, work, loaded))
        if card:
            words = list(dict.fromkeys(not_shown.values()))
            reasons += words[:1]
            remarks += [f"not measured: {reason}" for reason in words]
            crew.lead(partial(note_rehearsal, plan, manifest, card, undefined, remarks, found))
            _say(reporter, card, undefined, remarks)
        if loaded and not kept and crew.size == 1 and plan.settings.compile == "no":
            kept[loaded[0].name] = loaded[0]
    if reasons and len(reasons) == len(plan.cards):
        crew.agree(partial(_refuse, reasons[0]))
    return kept


def verified(plan: Plan, card: Card, manifest: Manifest) -> Network:
    """Load a checkpoint and make sure that it is the one that was measured before, if one was."""
    network = network_of(plan, card)
    known = manifest["weights_sha256"].get(card.name)
    remedy = "use another --out, or --fresh"
    refuse_other_weights(card.name, network.weights_sha256, known, str(plan.settings.out), remedy)
    return network


def _load(
    plan: Plan, card: Card, manifest: Manifest, loaded: list[Network]
) -> tuple[dict[str, str], dict[str, str]]:
    """Load a checkpoint into `loaded` and return what is not defined for it, and why; then that of size."""
    loaded.append(verified(plan, card, manifest))
    not_shown = _not_shown(plan, loaded[0])
    return undefined_methods(plan, loaded[0]) | not_shown, not_shown


def _not_shown(plan: Plan, network: Network) -> dict[str, str]:
    """Say what of a plan is not defined for a network because of the size of the pictures it takes, and why.

    By label of the method; an empty one stands for predictions.
    """
    labels = [one.label for one in plan.attributions if one.attribution.kind == "network"]
    cropped: list[View] = [metric.metric.view for metric in plan.metrics if metric.metric.view is not None]
    whole: list[View] = ["whole"] if labels else []
    refused: list[str] = []
    views: list[View] = []
    for asked, shown in ((labels, whole), ([""], cropped)):
        if _words_on_size(plan, network, shown):
            refused, views = refused + asked, views + shown
    return dict.fromkeys(refused, _words_on_size(plan, network, views))


def _words_on_size(plan: Plan, network: Network, views: Sequence[View]) -> str:
    try:
        check_input_size(network, plan.protocol, views)
    except RaybenchError as error:
        return str(error)
    return ""


def _refuse(reason: str) -> None:
    raise RaybenchError(reason)


def _rehearse(work: Pass, loaded: list[Network]) -> tuple[list[str], dict[str, Any]]:
    """Return remarks on the network, and what was found of the layer at which its maps are read."""
    if not loaded:
        return rehearse(work, None), {}
    remarks = rehearse(work.seen_by(loaded[0]), loaded[0])
    found = found_target_layer(loaded[0])
    return remarks, found.facts if found else {}


def _say(reporter: Reporter, card: Card, undefined: dict[str, str], remarks: list[str]) -> None:
    labels: dict[str, list[str]] = {}
    for label, reason in undefined.items():
        labels.setdefault(reason, []).append(label or "predictions")
    for reason, some in labels.items():
        reporter.say(f"{card.name}, {', '.join(some)}: not defined: {reason}")
    for remark in remarks:
        reporter.say(f"{card.name}: {remark}")
