"""Before hours of measuring: every network that has work left is loaded and tried on one picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...attributions import found_target_layer
from ...checkpoints import Card, Network
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
    for card in plan.cards or (None,):
        work = left(card)
        if not len(work.images):
            if card:
                crew.agree(partial(refuse_replaced_weights, plan, card, manifest))
            continue
        loaded: list[Network] = []
        undefined = crew.lead(partial(_load, plan, card, manifest, loaded)) if card else {}
        if card and undefined != manifest["not_defined"].get(card.name, {}):
            manifest["not_defined"][card.name] = undefined
            work = left(card)
        remarks, found = crew.lead(partial(_rehearse, plan, work, loaded))
        if card:
            crew.lead(partial(note_rehearsal, plan, manifest, card, undefined, remarks, found))
            _say(reporter, card, undefined, remarks)
        if loaded and not kept and crew.size == 1 and plan.settings.compile == "no":
            kept[loaded[0].name] = loaded[0]
    return kept


def verified(plan: Plan, card: Card, manifest: Manifest) -> Network:
    """Load a checkpoint and make sure that it is the one that was measured before, if one was."""
    network = network_of(plan, card)
    known = manifest["weights_sha256"].get(card.name)
    remedy = "use another --out, or --fresh"
    refuse_other_weights(card.name, network.weights_sha256, known, str(plan.settings.out), remedy)
    return network


def _load(plan: Plan, card: Card, manifest: Manifest, loaded: list[Network]) -> dict[str, str]:
    """Load a checkpoint into `loaded` and return which methods are not defined for it, and why."""
    loaded.append(verified(plan, card, manifest))
    return undefined_methods(plan, loaded[0])


def _rehearse(plan: Plan, work: Pass, loaded: list[Network]) -> tuple[list[str], dict[str, Any]]:
    """Return remarks on the network, and what was found of the layer at which its maps are read."""
    network = loaded[0] if loaded else None
    if network:
        check_input_size(network, plan.protocol, work.needs.views)
    remarks = rehearse(work, network)
    found = found_target_layer(network) if network else None
    return remarks, found.facts if found else {}


def _say(reporter: Reporter, card: Card, undefined: dict[str, str], remarks: list[str]) -> None:
    for label, reason in undefined.items():
        reporter.say(f"{card.name}, {label}: not defined: {reason}")
    for remark in remarks:
        reporter.say(f"{card.name}: {remark}")
