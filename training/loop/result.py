"""What training ends with: weights, and a card that `raybench run --checkpoint` takes."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import torchvision
import yaml
from torch import nn

from ...base import RaybenchError, __version__
from ...benchmark.results import write_atomically
from ...checkpoints import Card, load_classes, shipped_cards
from ..recipe.recipe import Recipe
from .state import GO_ON


def target_layer_of(recipe: Recipe) -> str:
    """Return the layer whose maps are compared: the recipe's, or that of a shipped card.

    Raises:
        RaybenchError: the recipe names none, and no shipped card is of its architecture.
    """
    layer = recipe.target_layer or _layers(recipe).get("target_layer")
    if layer is None:
        raise RaybenchError(
            f"recipe {recipe.name!r} needs a target_layer: no shipped card is of architecture "
            f"{recipe.architecture!r}"
        )
    return layer


def card_of(recipe: Recipe) -> Card:
    """Return the card of a recipe's checkpoint, without its weights and what was measured."""
    classes = recipe.classes
    if Path(classes).is_file():
        classes = str(Path(classes).resolve())
    layers = _layers(recipe)
    return Card(
        name=recipe.name,
        architecture=recipe.architecture,
        pooling=recipe.pooling,
        classes=classes,
        training=recipe.kind,
        target_layer=target_layer_of(recipe),
        excitation_layer=layers.get("excitation_layer"),
        contrast_layer=layers.get("contrast_layer"),
    )


def write_result(
    folder: Path, recipe: Recipe, network: nn.Module, measured: Mapping[str, float], *, steps: int
) -> Path:
    """Write `<name>.safetensors`, its card `<name>.yaml`, and the recipe as `recipe.yaml`.

    Args:
        folder: where to.
        recipe: that was followed.
        network: the trained module.
        measured: validation values by name of the metric, in percent.
        steps: that were done.

    Returns:
        Path of the card.

    Raises:
        RaybenchError: the disk is full or not writable.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    weights = safetensors.torch.save(tensors)
    text = yaml.safe_dump(recipe.model_dump(mode="json", exclude_unset=True), sort_keys=False)
    weights_path = folder / f"{recipe.name}.safetensors"
    write_atomically(weights_path, weights, GO_ON)
    write_atomically(folder / "recipe.yaml", text, GO_ON)
    validated = json.dumps(recipe.validation.model_dump(mode="json", exclude_none=True))
    facts: dict[str, Any] = card_of(recipe).model_dump(
        mode="json", include={"name", "architecture", "pooling", "classes", *_LAYERS, "training"}
    )
    facts = {key: value for key, value in facts.items() if value is not None} | {
        "weights": {"path": weights_path.name, "sha256": hashlib.sha256(weights).hexdigest()},
        "source": f"raybench train, recipe.yaml (SHA-256 {hashlib.sha256(text.encode()).hexdigest()})",
        "reported": {metric: round(value, 4) for metric, value in measured.items()},
        "notes": f"{steps} steps; reported values are on {validated}; raybench {__version__}, torch "
        f"{torch.__version__}, torchvision {torchvision.__version__}, Python {platform.python_version()}",
    }
    path = folder / f"{recipe.name}.yaml"
    write_atomically(path, yaml.safe_dump(facts, sort_keys=False, width=110), GO_ON)
    return path


_LAYERS = ("target_layer", "excitation_layer", "contrast_layer")


def _layers(recipe: Recipe) -> dict[str, str | None]:
    """Layers that shipped cards name for the recipe's architecture; empty if there is none."""
    load_classes(recipe.classes)  # a wrong class list is the likelier mistake, so name it first
    for card in shipped_cards():
        if card.architecture == recipe.architecture:
            return {name: getattr(card, name) for name in _LAYERS}
    return {}
