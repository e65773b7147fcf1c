"""Single training steps, plain and with the consistency loss, and the batches that feed them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from raybench.checkpoints import build_module
from raybench.training import load_recipe
from raybench.training.data.loading import Batch
from raybench.training.data.randomness import generator_for
from raybench.training.step.optimisation import make_optimiser
from raybench.training.step.step import TrainingStep, fill_grids, normalise

__all__ = ["KINDS", "Stepper", "made_up_batch"]

CLASSES = 1000
KINDS = ("plain", "closed form", "second order")


class Stepper:
    """A network in training that can do each kind of step on a batch."""

    def __init__(self, architecture: str, precision: str, device: str) -> None:
        self.recipe = load_recipe("imagenet-gc", [f"architecture={architecture}"])
        self.device = torch.device(device)
        torch.manual_seed(0)
        network = build_module(architecture, num_classes=CLASSES).to(memory_format=torch.channels_last)
        network.to(self.device)
        self.module = TrainingStep(network, "layer4").train()
        self.optimiser = make_optimiser(self.recipe.optimisation, network)
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")
        self.turn = 0

    def step(self, batch: Batch, kind: str) -> None:
        """Do one step: `plain`, `closed form` or `second order`."""
        self.turn += 1
        batch = replace(
            batch,
            images=batch.images.to(self.device),
            targets=batch.targets.to(self.device),
            classes=batch.classes.to(self.device),
            quadrants=batch.quadrants.to(self.device),
            grids=None if batch.grids is None else batch.grids.to(self.device),
        )
        images = normalise(batch.images)
        self.module.second_order = kind == "second order"
        grids = None if kind == "plain" else fill_grids(batch, images, generator_for(self.turn))
        with self.autocast:
            losses: Tensor = self.module(images, batch.targets, grids)
        self.optimiser.zero_grad()
        (losses[0] + 25 * losses[1]).backward()
        self.optimiser.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def made_up_batch(size: int, side: int) -> Batch:
    """A batch of noise, with every class once."""
    images = torch.randint(256, (size, 3, side, side), dtype=torch.uint8)
    labels = torch.arange(size) % CLASSES
    return Batch(images, labels, labels, torch.arange(size) % 4)
