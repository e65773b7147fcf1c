"""Meaningful perturbations: the smallest smooth mask that takes a class away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor

from ...arithmetic import forward_pass
from ...asking.copies.blurring import blurred
from ...asking.copies.masking import scores_of
from ...interface import NetworkLike, Passes, attribution
from ...layers.watching import undisturbed
from ...progress import working
from ...queries import by_image, check_classes, check_logits, check_queries
from ...seeds import generator

_LENGTHS_AT = 224
"""Shorter side, in pixels, of the images that options in pixels are for; for others they are scaled."""

_DISCS = 20
"""Radii of the disc that the mask begins with."""

Count = Annotated[int, Field(ge=1)]


def _per_step(options: Mapping[str, Any]) -> Passes:
    steps = options["steps"]
    return Passes(forwards_per_query=steps + _DISCS, backwards_per_query=steps, option="steps")


@attribution(
    "meaningful_perturbation",
    source="Fong & Vedaldi, ICCV 2017",
    family="perturbation",
    seeded=True,
    passes=_per_step,
)
def meaningful_perturbation(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    steps: Count = 300,
    rate: PositiveFloat = 0.1,
    cells: Annotated[int, Field(ge=2)] = 28,
    blur: PositiveFloat = 10,
    jitter: Annotated[int, Field(ge=0)] = 4,
    size_weight: NonNegativeFloat = 1e-4,
    variation_weight: NonNegativeFloat = 1e-2,
    power: Annotated[float, Field(ge=1)] = 3,
) -> Tensor:
    """Meaningful perturbations: what to blur, and how little of it, so that the class's probability falls.

    The map is 1 - m for the mask m that minimises p_c(blend) + a sum |1 - m| + b sum |grad m|^power, where
    the blend shows the image where m is 1 and its blur where m is 0. The mask has few cells, is enlarged
    bilinearly, begins as the smallest centred disc that takes 99 % of what the blur of all takes of the
    probability, and is found by Adam; in each step the image is shifted by some pixels under it.

    Args:
        network: the classifier, which has to be differentiable.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        seeds: B integers, one per image, for the shifts.
        steps: of Adam.
        rate: its learning rate.
        cells: of the mask along the shorter side; along the longer one in proportion.
        blur: standard deviation of the blur, in pixels of an image whose shorter side has 224; for other
            images it is scaled.
        jitter: most pixels of a shift in each direction, likewise, and rounded.
        size_weight: a.
        variation_weight: b, on the differences of neighbouring cells.
        power: of these.

    Returns:
        (N, H, W) float32, from 0 to 1.

    Source: Fong & Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", ICCV 2017.
    """
    check_queries(images, image_index, class_index)
    height, width = images.shape[2:]
    shorter = min(height, width)
    scale = shorter / _LENGTHS_AT
    grid = (round(cells * height / shorter), round(cells * width / shorter))
    loss = _Loss(size_weight, variation_weight, power)
    maps = images.new_zeros((len(image_index), height, width), dtype=torch.float32)
    for image, queries in by_image(image_index):
        picture = images[image : image + 1].detach()
        both = torch.cat([picture, blurred(picture, blur * scale)])
        shifts = _shifts(seeds[image], steps, round(jitter * scale))
        for query in queries.tolist():
            ask = partial(_probability, network, both, class_index[query])
            with undisturbed(network.module):
                mask = _optimised(ask, _disc(ask, grid, both), shifts, rate, loss)
            maps[query] = (1 - _enlarged(mask, both))[0, 0].float()
    return maps


def _shifts(seed: int, steps: int, most: int) -> list[tuple[int, int]]:
    """Draw rows and columns, from -most to most, by which each step shifts an image."""
    drawn = [
        torch.randint(-most, most + 1, (2,), generator=generator(seed, "jitter", step))
        for step in range(steps)
    ]
    return [(int(rows), int(columns)) for rows, columns in drawn]


class _Loss(NamedTuple):
    """What a mask is to make small.

    Attributes:
        size: weight of what is hidden.
        variation: weight of differences of neighbouring cells.
        power: of these.
    """

    size: float
    variation: float
    power: float

    def of(self, mask: Tensor, probability: Tensor) -> Tensor:
        """The probability of the class and the penalties of a mask (1, 1, rows, columns)."""
        differences = (mask.diff(dim=2), mask.diff(dim=3))
        varied = sum(one.abs().pow(self.power).sum() for one in differences)
        return probability + self.size * (1 - mask).abs().sum() + self.variation * varied


def _optimised(
    ask: Callable[[Tensor, tuple[int, int]], Tensor],
    start: Tensor,
    shifts: Sequence[tuple[int, int]],
    rate: float,
    loss: _Loss,
) -> Tensor:
    """Find the mask of one class by Adam, from a start (1, 1, rows, columns)."""
    mask = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([mask], lr=rate)
    with working(len(shifts), "meaningful perturbation") as step:
        for shift in shifts:
            (mask.grad,) = torch.autograd.grad(loss.of(mask, ask(mask, shift)), [mask])
            optimiser.step()
            with torch.no_grad():
                mask.clamp_(0, 1)
            step(1)
    return mask.detach()


def _probability(
    network: NetworkLike, both: Tensor, target: Tensor, mask: Tensor, shift: tuple[int, int]
) -> Tensor:
    """Probability of a class where a mask blends the image and its blur, `both` (2, 3, H, W)."""
    sharp, soft = torch.split(both.roll(shift, dims=(2, 3)), 1)
    with forward_pass(both.device):
        logits = network.module(soft + _enlarged(mask, both) * (sharp - soft))
    check_logits(logits, 1)
    check_classes(logits, target[None])
    return scores_of(logits, "probability", network.multi_label)[0, target]


def _disc(ask: Callable[[Tensor, tuple[int, int]], Tensor], grid: tuple[int, int], like: Tensor) -> Tensor:
    """Hide the smallest centred disc that takes 99 % of what a whole blur takes: (1, 1, rows, columns)."""
    rows, columns = (torch.arange(length) - (length - 1) / 2 for length in grid)
    distance = torch.hypot(rows[:, None], columns[None]).to(like)[None, None]
    with torch.no_grad():
        whole, none = (ask(torch.full_like(distance, value), (0, 0)) for value in (1, 0))
        for share in range(1, _DISCS):
            mask = (distance > share / _DISCS * distance.max()).to(like)
            if ask(mask, (0, 0)) <= none + 0.01 * (whole - none):
                return mask
    return torch.zeros_like(distance)


def _enlarged(mask: Tensor, like: Tensor) -> Tensor:
    """Enlarge a mask to the size of images, bilinearly."""
    return F.interpolate(mask, like.shape[2:], mode="bilinear", align_corners=False)
