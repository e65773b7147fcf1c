"""A loaded checkpoint: the module with the facts that methods and metrics need about it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .card import Card
from .classes import ClassList

__all__ = ["Network"]


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier with its card.

    Attributes:
        module: images (B, 3, H, W) float to logits (B, C); eval mode, parameters frozen, any H and W.
        card: where it comes from.
        classes: the class list that the logits follow.
        weights_sha256: hash of the weight files, or empty for weights that came from memory.
    """

    module: nn.Module
    card: Card
    classes: ClassList
    weights_sha256: str = ""

    @property
    def name(self) -> str:
        """Name of the checkpoint, as result tables print it."""
        return self.card.name

    @property
    def target_layer(self) -> str:
        """Dotted name of the last convolutional stage."""
        return self.card.target_layer

    @property
    def excitation_layer(self) -> str | None:
        """Dotted name of the layer at whose output excitation backprop reads."""
        return self.card.excitation_layer

    @property
    def contrast_layer(self) -> str | None:
        """Dotted name of the layer at whose output contrastive excitation backprop contrasts."""
        return self.card.contrast_layer

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return next(self.module.parameters()).device

    def normalise(self, pixels: Tensor) -> Tensor:
        """Turn uint8 pixels (B, 3, H, W) in RGB into the float32 input that the checkpoint was trained on."""
        mean = torch.tensor(self.card.mean, device=pixels.device).view(1, 3, 1, 1)
        std = torch.tensor(self.card.std, device=pixels.device).view(1, 3, 1, 1)
        return pixels.float().div_(255).sub_(mean).div_(std)
