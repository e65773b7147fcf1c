"""Masks that are smooth by construction: a smooth maximum of kernels around the nodes of a coarse grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_COLDNESS = 20.0
"""Inverse temperature of the smooth maximum."""


@dataclass(frozen=True)
class SmoothMasks:
    """Masks of an image of (H, W) pixels from values at nodes, of which the first stands on the first pixel.

    A mask is, at the pixel u, the smooth maximum over the nodes v near it of k(|u - v| / sigma) times the
    node's value: sum of a exp(20 a) by sum of exp(20 a), where k(z) = exp(-2 max(0, z - 1/2)^2). It reaches
    beyond the outer nodes by sigma. Nodes beyond the grid have the value 0.

    Attributes:
        size: (H, W) of the image.
        spacing: from a node to the next, in pixels.
        sigma: of the kernel, in pixels.

    Source: Fong, Patrick & Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth
    Masks", ICCV 2019; the kernel and the temperature are those of the authors' own masks.
    """

    size: tuple[int, int]
    spacing: int
    sigma: float

    @property
    def nodes(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        height, width = (math.ceil(length / self.spacing) for length in self.size)
        return height, width

    @property
    def reach(self) -> int:
        """Nodes by which a mask reaches beyond the grid at each side."""
        return math.ceil(self.sigma / self.spacing)

    def whole(self, nodes: Tensor) -> Tensor:
        """Make masks with their margins from values (n, rows, columns): (n, H', W'), differentiable."""
        found: Tensor = _SmoothMaximum.apply(nodes, self)
        return found

    def inside(self, whole: Tensor) -> Tensor:
        """Cut off the margins: (n, H, W)."""
        start = self.reach * self.spacing
        return whole[:, start : start + self.size[0], start : start + self.size[1]]

    def kernels(self, like: Tensor) -> Tensor:
        """What nodes weigh: (neighbours, phases), by the node around a pixel and its place between them."""
        radius = self.reach + 1
        between, around = torch.arange(self.spacing), torch.arange(-radius, radius + 1) * self.spacing
        steps = (around[:, None] - between).double()
        distances = torch.hypot(steps[:, None, :, None], steps[None, :, None, :])
        beyond = (distances / self.sigma - 0.5).clamp(min=0)
        return torch.exp(-2 * beyond.square()).flatten(2).flatten(0, 1).to(like)


class _SmoothMaximum(torch.autograd.Function):
    """Adds up one neighbour of all pixels after the other, so that memory is that of the masks alone.

    Pixels that stand alike between their nodes share a phase; their values are kept as (phases, n * tiles).
    """

    @staticmethod
    def forward(ctx: Any, nodes: Tensor, masks: SmoothMasks) -> Tensor:
        kernels = masks.kernels(nodes)
        padded = _padded(nodes, masks)
        sums = weighted = nodes.new_zeros(())
        for kernel, window in zip(kernels, _windows(nodes, masks), strict=True):
            exponents = torch.outer(_COLDNESS * kernel, padded[window].flatten())
            powers = exponents.exp()
            sums = sums + powers
            weighted = torch.addcmul(weighted, exponents, powers)
        values = weighted / sums  # times the coldness
        ctx.save_for_backward(nodes, values, sums)
        ctx.masks = masks
        return _as_pixels(values / _COLDNESS, nodes, masks)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        nodes, values, sums = ctx.saved_tensors
        masks = ctx.masks
        padded = _padded(nodes, masks)
        found = torch.zeros_like(padded)
        share = _as_phases(gradients[0], masks) / sums
        offset = share * (1 - values)
        for kernel, window in zip(masks.kernels(nodes), _windows(nodes, masks), strict=True):
            exponents = torch.outer(_COLDNESS * kernel, padded[window].flatten())
            terms = torch.addcmul(offset, share, exponents) * exponents.exp_()
            found[window] += (terms * kernel[:, None]).sum(dim=0).view_as(found[window])
        margin = masks.reach + masks.reach + 1
        return found[:, margin:-margin, margin:-margin], None


def _padded(nodes: Tensor, masks: SmoothMasks) -> Tensor:
    margin = masks.reach + masks.reach + 1  # of the mask, and of what its outermost pixels see
    return F.pad(nodes, (margin, margin, margin, margin))


def _windows(nodes: Tensor, masks: SmoothMasks) -> list[tuple[slice, slice, slice]]:
    """Where each neighbour of all tiles stands among the padded nodes."""
    rows, columns = (length + 2 * masks.reach for length in nodes.shape[1:])
    side = range(2 * masks.reach + 3)
    return [(slice(None), slice(y, y + rows), slice(x, x + columns)) for y in side for x in side]


def _as_pixels(phases: Tensor, nodes: Tensor, masks: SmoothMasks) -> Tensor:
    """(phases, n * tiles) to (n, H', W'); of the last tiles only the first row and column are kept."""
    rows, columns = (length + 2 * masks.reach for length in nodes.shape[1:])
    step = masks.spacing
    tiles = phases.view(step, step, len(nodes), rows, columns).permute(2, 3, 0, 4, 1)
    whole = tiles.reshape(len(nodes), rows * step, columns * step)
    return whole[:, : whole.shape[1] - step + 1, : whole.shape[2] - step + 1]


def _as_phases(pixels: Tensor, masks: SmoothMasks) -> Tensor:
    """The inverse of `_as_pixels`, with zeros for the pixels that it left out."""
    step = masks.spacing
    whole = F.pad(pixels, (0, step - 1, 0, step - 1))
    tiles = whole.view(len(pixels), whole.shape[1] // step, step, whole.shape[2] // step, step)
    return tiles.permute(2, 4, 0, 1, 3).reshape(step * step, -1)
