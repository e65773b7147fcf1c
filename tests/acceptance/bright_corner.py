"""Pictures with one bright corner, and where in a picture a place of a layer's output looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations

import torch
from torch import Tensor, nn

from raybench.attributions.layers.layouts import Layout

QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))


def bright_corners(height: int, width: int) -> Iterator[tuple[tuple[int, int], Tensor, Tensor]]:
    """Yield a quarter, a picture (1, 3, height, width) with that corner bright, and the dark one."""
    dark = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(2)) * 0.2 - 1
    for down, right in QUARTERS:
        bright = dark.clone()
        rows = slice(0, height // 3) if down == 0 else slice(height - height // 3, height)
        columns = slice(0, width // 3) if right == 0 else slice(width - width // 3, width)
        bright[:, :, rows, columns] += 2
        yield (down, right), bright, dark


def quarters_of(energy: Tensor) -> dict[tuple[int, int], float]:
    """Mean of a map (h, w) in each of its quarters."""
    height, width = energy.shape
    halves = (
        (slice(0, height // 2), slice(height - height // 2, height)),
        (slice(0, width // 2), slice(width - width // 2, width)),
    )
    return {one: float(energy[halves[0][one[0]], halves[1][one[1]]].mean()) for one in QUARTERS}


def pixels_behind(
    module: nn.Module,
    layer: str,
    kind: str,
    prefix: int,
    image: Tensor,
    place: tuple[int, int],
    width: int,
) -> Tensor:
    """Gradient of a place's energy to the pixels, by an index into the layer's output written by hand."""
    kept = []
    handle = module.get_submodule(layer).register_forward_hook(lambda *call: kept.append(call[2]))
    pixels = image.clone().requires_grad_()
    with torch.enable_grad():
        module(pixels)
    handle.remove()
    row, column = place
    output = kept[0]
    at = {
        "channels_first": lambda: output[0, :, row, column],
        "channels_last": lambda: output[0, row, column],
        "tokens": lambda: output[0, prefix + row * width + column],
    }[kind]()
    # not of the square of what exceeds the mean: a normalisation fixes the sum of squares itself
    above = (at - at.mean()) / at.detach().std()
    (gradient,) = torch.autograd.grad(above.pow(4).sum(), pixels)
    return (gradient[0] / gradient.abs().max()).square().sum(dim=0)


def corners_told_apart(
    features: Callable[[Tensor], Tensor], module: nn.Module, layer: str, layout: Layout, size: tuple[int, int]
) -> tuple[float, float]:
    """How surely each bright corner of a picture belongs to its own quarter of the maps, and of the pixels.

    Every way to match the four corners with the four quarters, such as that of maps which are transposed or
    upside down, is held against the right one. A random network spreads a corner over much of its maps, more
    at some places than at others; factors of a corner and of a quarter are the same in every way to match.

    Args:
        features: maps (1, k, h, w) that are read of a picture.
        module: the network.
        layer: whose output they are.
        layout: in which its output is held to lie, which `pixels_behind` takes at its word.
        size: height and width of the pictures.

    Returns:
        For the change of the maps, and for the pixels behind the place that changes most: how many times the
        right match is as good as the best other one, per corner that this moves. Below 1 another is better.
    """
    changed, behind = [], []
    for _, bright, dark in bright_corners(*size):
        energy = (features(bright) - features(dark))[0].double().square().sum(dim=0)
        row, column = divmod(int(energy.argmax()), energy.shape[1])
        pixels = pixels_behind(module, layer, layout.kind, layout.prefix, bright, (row, column), layout.width)
        changed.append(list(quarters_of(energy).values()))
        behind.append(list(quarters_of(pixels).values()))
    return _surety(changed), _surety(behind)


def _surety(shares: Sequence[Sequence[float]]) -> float:
    logs = [[math.log(max(share, 1e-300)) for share in row] for row in shares]
    others = []
    for way in permutations(range(4)):
        moved = [place for place in range(4) if way[place] != place]
        if moved:
            gains = [logs[place][place] - logs[place][way[place]] for place in moved]
            others.append(sum(gains) / len(moved))
    return math.exp(min(min(others), 700))
