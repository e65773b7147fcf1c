"""The networks of a run: loaded by their cards or given in memory, and none but those measured before."""

from __future__ import annotations

from dataclasses import replace

from ...attributions import BoundAttribution
from ...base import RaybenchError
from ...checkpoints import Card, Network, load_network, local_weights_sha256, state_sha256
from ..results import Manifest
from .plan import Plan


def network_of(plan: Plan, card: Card) -> Network:
    """Return a checkpoint of a plan, ready to be measured: the one in memory, or a loaded one."""
    settings = plan.settings
    if card.name in plan.held:
        network = plan.held[card.name]
        # whatever file it came from, its weights may have been changed since
        return replace(network, weights_sha256=state_sha256(network.module))
    return load_network(card, device=plan.device, data=settings.data, trust_code=settings.trust_code)


def undefined_methods(plan: Plan, network: Network) -> dict[str, str]:
    """Say which of a plan's methods are not defined for a network, and why, by label."""
    methods = [method for method in plan.attributions if method.attribution.kind == "network"]
    return {method.label: reason for method in methods if (reason := _reason(method, network))}


def unfit_options(plan: Plan, network: Network) -> dict[str, str]:
    """Name those of the undefined methods that would be defined under other options, likewise."""
    undefined = undefined_methods(plan, network)
    methods = [method for method in plan.attributions if method.label in undefined and method.options]
    return {
        method.label: undefined[method.label]
        for method in methods
        if not _reason(replace(method, options={}), network)
    }


def _reason(method: BoundAttribution, network: Network) -> str:
    try:
        method.check(network)
    except RaybenchError as error:
        return str(error)
    return ""


def refuse_other_weights(name: str, sha256: str, known: str | None, place: str, remedy: str) -> None:
    """Raise `RaybenchError` unless the weights of a checkpoint are those that are known, if any are."""
    if known is not None and known != sha256:
        raise RaybenchError(
            f"the weights of {name!r} have changed since {place} was measured: SHA-256 {known[:12]} then, "
            f"{sha256[:12]} now; {remedy}"
        )


def refuse_replaced_weights(plan: Plan, card: Card, manifest: Manifest) -> None:
    """Raise `RaybenchError` if the weights of a checkpoint that is wholly measured were replaced since."""
    known = manifest["weights_sha256"].get(card.name)
    if known is None:
        return
    if card.name in plan.held or not card.weights:
        found: str | None = network_of(plan, card).weights_sha256
    else:
        found = local_weights_sha256(card, plan.settings.data)
    if found is not None:
        refuse_other_weights(card.name, found, known, str(plan.settings.out), "use another --out, or --fresh")
