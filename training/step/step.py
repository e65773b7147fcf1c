"""One training step: from a batch to its losses."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...base import RaybenchError
from ..data.grid import draw_negatives, make_grids, rows_with_negatives
from ..data.loading import Batch
from .consistency import Tapped, consistency_loss, linear_head

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class Grids(NamedTuple):
    """The grids of a step.

    Attributes:
        images: (M, 3, 2H, 2W) float.
        classes: (M,) int64.
        quadrants: (M,) int64.
        rows: (M,) positions in the batch of the images that the grids hold, or None for all.
    """

    images: Tensor
    classes: Tensor
    quadrants: Tensor
    rows: Tensor | None


class TrainingStep(nn.Module):
    """A network with its losses as one module, so that DDP sees one pass forward and one backward."""

    def __init__(
        self,
        network: nn.Module,
        target_layer: str,
        *,
        resize_maps: bool = False,
        frozen_batch_norm: bool = False,
        second_order: bool = False,
    ) -> None:
        """Train `network`.

        Args:
            network: images to logits.
            target_layer: as in `Recipe`.
            resize_maps: as in `Recipe`.
            frozen_batch_norm: as in `Recipe`.
            second_order: differentiate twice even where the closed form holds.
        """
        super().__init__()
        self.network = network
        self.target_layer = target_layer
        self.resize_maps = resize_maps
        self.frozen_batch_norm = frozen_batch_norm
        self.second_order = second_order
        # in a tuple, so that parameters have one name each
        tap = Tapped(network, target_layer)
        self._run: tuple[nn.Module] = (tap,)
        self._close = tap.close

    def close(self) -> None:
        """Leave the network as it was; no further step can be made."""
        self._close()

    def compile(self) -> None:
        """Run the network through torch.compile from now on.

        Raises:
            RaybenchError: the network's head would need second-order derivatives, which torch.compile lacks.
        """
        if self.second_order or linear_head(self.network, self.target_layer) is None:
            raise RaybenchError(
                "compile: true needs a network that ends in global pooling and one linear layer, since "
                "torch.compile cannot differentiate twice; set compile: false"
            )
        self._run = (cast(nn.Module, torch.compile(self._run[0])),)

    def train(self, mode: bool = True) -> TrainingStep:
        """Set the mode; frozen batch norm stays in evaluation mode."""
        super().train(mode)
        for module in self.modules() if self.frozen_batch_norm else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def forward(self, images: Tensor, targets: Tensor, grids: Grids | None) -> Tensor:
        """Compute the losses, without their weights.

        Args:
            images: (N, 3, H, W) float.
            targets: (N,) int64 for cross-entropy, or (N, C) bool for binary cross-entropy.
            grids: what the consistency loss compares with, or None to leave it out.

        Returns:
            (2,) float32: classification and consistency, which is 0 where it is left out.
        """
        (run,) = self._run
        if grids is None:
            logits = run(images).logits
            consistency = logits.new_zeros((), dtype=torch.float32)
        else:
            logits, consistency = consistency_loss(
                self.network,
                self.target_layer,
                images,
                grids.images,
                grids.classes,
                grids.quadrants,
                rows=grids.rows,
                gradient="autograd" if self.second_order else "auto",
                resize_maps=self.resize_maps,
                run=run,
            )
        return torch.stack((_classification(logits.float(), targets), consistency))


def _classification(logits: Tensor, targets: Tensor) -> Tensor:
    if targets.ndim == 1:
        return F.cross_entropy(logits, targets)
    return F.binary_cross_entropy_with_logits(logits, targets.float())


def fill_grids(batch: Batch, images: Tensor, generator: torch.Generator) -> Grids | None:
    """Make the grids of a batch on its device, from those of the loader or from the rest of the batch.

    An image whose class all others hold gets no grid; None if none gets one.

    Args:
        batch: on the device.
        images: (N, 3, H, W) float, its images normalised.
        generator: draws the negatives, on the CPU.
    """
    if batch.grids is not None:
        return Grids(normalise(batch.grids), batch.classes, batch.quadrants, None)
    with_others = rows_with_negatives(batch.targets, batch.classes)
    rows = None if bool(with_others.all()) else with_others.nonzero()[:, 0]
    classes = batch.classes if rows is None else batch.classes[rows]
    quadrants = batch.quadrants if rows is None else batch.quadrants[rows]
    if not len(classes):
        return None
    negatives = draw_negatives(batch.targets, classes, generator)
    return Grids(make_grids(images, negatives, quadrants, rows), classes, quadrants, rows)


def normalise(pixels: Tensor) -> Tensor:
    """Pixels (…, 3, H, W) from 0 to 255 as networks expect them: by ImageNet's mean and deviation."""
    mean = torch.tensor(_MEAN, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(_STD, device=pixels.device).view(3, 1, 1)
    normalised = (pixels.float() / 255 - mean) / std
    return normalised.contiguous(memory_format=torch.channels_last)
