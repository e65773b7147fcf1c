"""The end of a training: the suite that the recipe names, on the new checkpoint and the one it came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ...base import RaybenchError
from ...benchmark.running import Plan, Reporter, Results, SilentReporter, evaluate
from ...benchmark.suite import Settings, TrainingSettings
from ...checkpoints import load_classes, network_from_module
from ..recipe.recipe import Recipe
from .result import card_of


def measure_trained(
    recipe: Recipe, settings: TrainingSettings, card: Path, *, reporter: Reporter | None = None
) -> Results:
    """Measure a trained checkpoint, and the recipe's parent before it, by the recipe's suite.

    Under torchrun all processes call it, and share out the images.

    Args:
        recipe: that was followed; it names a suite.
        settings: of the training. Results go to `measured` in its folder; with `resume` a measurement that
            was stopped goes on.
        card: that the training wrote.
        reporter: told of progress.

    Raises:
        RaybenchError: the recipe names no suite, or as for `raybench.benchmark.running.evaluate`.
    """
    if recipe.suite is None:
        raise RaybenchError(f"recipe {recipe.name!r} names no suite to measure by; give it the key suite")
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # that of the training; a run makes one of its own
    asked = _settings(recipe, settings)
    asked = replace(asked, checkpoints=(*asked.checkpoints, str(card)), fresh=not settings.resume)
    return evaluate(recipe.suite, asked, reporter=reporter)


def refuse_unmeasurable(recipe: Recipe, settings: TrainingSettings, network: nn.Module) -> None:
    """Refuse, before the first step rather than after the last, a suite that cannot be measured.

    Args:
        recipe: to be followed; it names a suite.
        settings: of the training.
        network: fresh.

    Raises:
        RaybenchError: a name is unknown, data is missing, or classes, methods and data do not fit together.
    """
    assert recipe.suite is not None
    card = card_of(recipe)
    fresh = network_from_module(
        network, name=card.name, classes=load_classes(card.classes), target_layer=card.target_layer
    )
    Plan.make(recipe.suite, _settings(recipe, settings), SilentReporter(), networks=[fresh])


def _settings(recipe: Recipe, settings: TrainingSettings) -> Settings:
    parent = recipe.parent or recipe.initial
    return Settings(
        data=settings.data,
        out=settings.out / "measured",
        device=settings.device,
        workers=settings.workers,
        trust_code=settings.trust_code,
        checkpoints=(parent,) if parent else (),
    )
