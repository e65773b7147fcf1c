"""Ten steps on real pictures, from real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_training import Listening

from raybench.training import TrainingSettings, load_recipe, train

pytestmark = pytest.mark.usefixtures("real_data")

# the shared weights have their batch norm's statistics folded into tiny convolutions: at the published rate
# they would leap
SMALL = ("initial=killthebits-resnet18", "frozen_batch_norm=true", "optimisation.batch_size=8")
PRECISION = "precision=float32"  # the recipes' bf16 takes eight times as long on a processor without AVX-512


def mean_losses(recipe: str, out: Path, *changes: str) -> tuple[list[float], list[str]]:
    """Classification plus weighted consistency, over the first three and the last three of ten steps."""
    chosen = load_recipe(recipe, [*SMALL, PRECISION, "log_every=1", *changes])
    listening = Listening()
    settings = TrainingSettings(out=out, device="cpu", steps=10, workers=0)
    rows = train(chosen, settings, reporter=listening).rows
    total = [
        chosen.classification_weight * row.classification + chosen.consistency_weight * row.consistency
        for row in rows
    ]
    return [sum(total[:3]), sum(total[-3:])], listening.said


def test_imagenet_recipe_lowers_the_loss(tmp_path: Path) -> None:
    changes = ("train.split=val", "crop=96", "optimisation.learning_rate=1e-4")
    (before, after), said = mean_losses("imagenet-gc", tmp_path, *changes)
    assert after < 0.8 * before
    assert "loaded 122 of 122 tensors from killthebits-resnet18" in said


def test_coco_recipe_lowers_the_loss_with_a_new_classifier(tmp_path: Path) -> None:
    changes = ("train.split=val2014", "crop=96", "optimisation.learning_rate=1e-5")
    (before, after), said = mean_losses("coco-gc", tmp_path, *changes)
    assert after < 0.9 * before
    assert (
        "loaded 120 of 122 tensors from killthebits-resnet18; new: fc.weight, fc.bias, "
        "for coco80 in place of imagenet1k" in said
    )
