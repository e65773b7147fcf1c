"""Grid images: a picture in one quadrant, and three pictures without its class in the others."""

from __future__ import annotations

import torch
from torch import Tensor

from ...base import RaybenchError


def rows_with_negatives(targets: Tensor, classes: Tensor) -> Tensor:
    """Say which rows have an image in the batch that lacks their class: (M,) bool.

    Args:
        targets: (N,) int64 or (N, C) bool, what the images of the batch hold.
        classes: (M,) int64.
    """
    return _lacking(targets, classes).any(dim=1)


def draw_negatives(targets: Tensor, classes: Tensor, generator: torch.Generator) -> Tensor:
    """Draw, for each image of a batch, three other images of the batch that lack its class.

    The three differ where the batch has as many without the class, and repeat where it has fewer.

    Args:
        targets: (N,) int64, the class of each image, or (N, C) bool, which classes it holds.
        classes: (M,) int64, the class that the negatives of each row must lack.
        generator: source of the draw, on the CPU.

    Returns:
        (M, 3) int64 positions in the batch.

    Raises:
        RaybenchError: every image of the batch holds the class of one of them.
    """
    lacks = _lacking(targets, classes)
    counts = lacks.sum(dim=1)
    if (counts == 0).any():
        alone = int(classes[counts.argmin()])
        raise RaybenchError(
            f"no negatives for class {alone}: every image of the batch holds it; raise batch_size"
        )
    order = (
        torch.rand(lacks.shape, generator=generator)
        .masked_fill(~lacks.cpu(), -1)
        .argsort(dim=1, descending=True)
    )
    pick = torch.arange(3)[None] % counts.cpu().clamp(max=3)[:, None]
    return order.gather(1, pick).to(targets.device)


def make_grids(images: Tensor, negatives: Tensor, quadrants: Tensor, rows: Tensor | None = None) -> Tensor:
    """Set each image into a quadrant of a grid twice its size, with others of the batch around it.

    Args:
        images: (N, 3, H, W).
        negatives: (M, 3) positions in `images` of what fills the other quadrants, in reading order.
        quadrants: (M,) int64: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
        rows: (M,) positions in `images` of what the grids are made for; by default all, and M is N.

    Returns:
        (M, 3, 2H, 2W), of the same type and memory format.
    """
    height, width = images.shape[2:]
    own = torch.arange(len(images), device=images.device) if rows is None else rows
    shape = (len(own), 3, 2 * height, 2 * width)
    grids = images.new_empty(shape).to(memory_format=_format_of(images))
    places = torch.arange(len(own), device=images.device)
    for quadrant in range(4):
        # quadrants before the image's own take the negatives 0, 1, ..; those behind it are one further
        order = quadrant - (quadrants < quadrant).long()
        source = torch.where(quadrants == quadrant, own, negatives[places, order.clamp(max=2)])
        top, left = quadrant // 2 * height, quadrant % 2 * width
        grids[:, :, top : top + height, left : left + width] = images[source]
    return grids


def _lacking(targets: Tensor, classes: Tensor) -> Tensor:
    """Say which images of the batch lack the class of each row: (M, N) bool."""
    return targets[None, :] != classes[:, None] if targets.ndim == 1 else ~targets.T[classes]


def _format_of(images: Tensor) -> torch.memory_format:
    plain = images.is_contiguous() or not images.is_contiguous(memory_format=torch.channels_last)
    return torch.contiguous_format if plain else torch.channels_last
