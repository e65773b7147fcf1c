"""The networks of a run: loaded by their cards or given in memory, and none but those measured before."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import replace

from ...attributions import found_target_layer, target_layer_of
from ...base import RaybenchError
from ...checkpoints import Card, Network, compile_stages, load_network, local_weights_sha256, state_sha256
from ..results import Manifest
from .plan import Plan

_REMEDY = "use another --out, or --fresh"


def network_of(plan: Plan, card: Card) -> Network:
    """Return a checkpoint of a plan, ready to be measured: the one in memory, or a loaded one."""
    settings = plan.settings
    if card.name in plan.held:
        network = plan.held[card.name]
        if settings.compile != "no":
            raise RaybenchError(
                f"network {network.name!r} is in memory and stays as it is; leave out compile"
            )
        # whatever file it came from, its weights may have been changed since
        return replace(network, weights_sha256=state_sha256(network.module))
    network = load_network(card, device=plan.device, data=settings.data, trust_code=settings.trust_code)
    if settings.compile != "no" and network.target_layer is None:
        with contextlib.suppress(RaybenchError):  # methods that need one say that there is none
            target_layer_of(network)  # while the inside of every part can still be watched
    compile_stages(network.module, _watched_layers(plan, network), settings.compile)
    return network


def undefined_methods(plan: Plan, network: Network) -> dict[str, str]:
    """Say which of a plan's methods are not defined for a network, and why, by label."""
    methods = [method for method in plan.attributions if method.attribution.kind == "network"]
    reasons = {method.label: refusal(functools.partial(method.check, network)) for method in methods}
    return {label: reason for label, reason in reasons.items() if reason}


def refusal(check: Callable[[], object]) -> str:
    """Return what a check says against something; empty if nothing."""
    try:
        check()
    except RaybenchError as error:
        return str(error)
    return ""


def verified(plan: Plan, card: Card, manifest: Manifest) -> Network:
    """Load a checkpoint and make sure that it is the one that was measured before, if one was."""
    network = network_of(plan, card)
    known = manifest["weights_sha256"].get(card.name)
    refuse_other_weights(card.name, network.weights_sha256, known, str(plan.settings.out), _REMEDY)
    return network


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
        refuse_other_weights(card.name, found, known, str(plan.settings.out), _REMEDY)


def _watched_layers(plan: Plan, network: Network) -> list[str]:
    """Name the layers that the methods of the run read."""
    options = [one.options.get(key) for one in plan.attributions for key in ("layer", "contrast_layer")]
    found = found_target_layer(network)
    layers = (
        network.target_layer or (found.name if found else None),
        network.excitation_layer,
        network.contrast_layer,
        *options,
    )
    return [layer for layer in layers if layer is not None]
