"""Starts a network from the weights of another checkpoint, with a new classifier where classes differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ...base import RaybenchError
from ...checkpoints import load_network
from ..recipe.recipe import Recipe

__all__ = ["start_from"]


def start_from(
    module: nn.Module, recipe: Recipe, data: Mapping[str, Path], *, trust_code: bool = False
) -> str:
    """Copy the weights of the recipe's `initial` checkpoint into a fresh module.

    What is made for other classes, that is, tensors that differ in their first dimension alone, stays fresh.

    Args:
        module: of the recipe's architecture; changed in place.
        recipe: one with `initial`.
        data: data folders by name, for weights that lie there.
        trust_code: let the checkpoint's card name a function of any installed package.

    Returns:
        A sentence that names what was and what was not loaded.

    Raises:
        RaybenchError: there is no such checkpoint, or it is of another architecture.
    """
    assert recipe.initial is not None
    network = load_network(recipe.initial, data=data, trust_code=trust_code)
    given, own = network.module.state_dict(), module.state_dict()
    if network.card.architecture != recipe.architecture or given.keys() != own.keys():
        raise RaybenchError(
            f"initial checkpoint {network.name!r} is of architecture {network.card.architecture}, not "
            f"{recipe.architecture}; choose another initial, or the same architecture"
        )
    fresh = [key for key in own if own[key].shape != given[key].shape]
    module.load_state_dict({key: own[key] if key in fresh else given[key] for key in own})
    loaded = len(own) - len(fresh)
    head = f"; new: {', '.join(fresh)}, for {recipe.classes} in place of {network.classes.name}"
    return f"loaded {loaded} of {len(own)} tensors from {network.name}{head if fresh else ''}"
