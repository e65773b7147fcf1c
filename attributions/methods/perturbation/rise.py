"""RISE: how probable a class is when parts of the image are hidden at random."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ....base import RaybenchError
from ...asking.copies.masking import masked_scores
from ...interface import NetworkLike, Passes, attribution
from ...queries import by_image, check_queries
from ...seeds import generator
from ...sharing import shared

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


def _per_mask(options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=options["masks"], option="masks")


def _is_centred(options: Mapping[str, Any]) -> bool:
    return bool(options["centred"])


@attribution(
    "rise",
    source="Petsiuk et al., BMVC 2018",
    family="perturbation",
    signed=_is_centred,
    seeded=True,
    passes=_per_mask,
)
def rise(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    masks: Count = 8000,
    cells: Count = 7,
    probability: Share = 0.5,
    normalised: Literal["expected", "observed"] = "expected",
    centred: bool = False,
) -> Tensor:
    """RISE: the mean of random masks, each weighted by the probability of the class under it.

    sum_m p_c(x M_m) M_m / (N p). All classes of an image are asked about under the same masks.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised; what is hidden gets the mean colour.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        seeds: B integers.
        masks: how many; the paper takes 4000 for VGG16 and 8000 for ResNet50.
        cells: along each side of a mask before it is enlarged.
        probability: that a cell is shown.
        normalised: divide by how often a pixel is `expected` to be shown, as published, or by how often it
            was `observed` to be, which makes maps of few masks less noisy.
        centred: take the mean over the masks from the probabilities. The published map stands on a pedestal,
            as every mask shows half of the pixels; centred maps are signed and have none.

    Returns:
        (N, H, W) float32, non-negative unless centred.

    Raises:
        RaybenchError: an image is smaller than the cells.

    Source: Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    BMVC 2018. Where images have several classes the probability is a sigmoid's.
    """
    check_queries(images, image_index, class_index)
    if min(images.shape[2:]) < cells:
        height, width = images.shape[2:]
        raise RaybenchError(
            f"rise: an image of {height} x {width} pixels is smaller than its {cells} x {cells} cells; "
            "set the option cells to fewer"
        )

    def ask() -> _Sums:
        return _sums(network, images, image_index, class_index, seeds, masks, cells, probability)

    question = ("rise", masks, cells, probability, tuple(seeds), network.multi_label)
    sums = shared(question, (network.module, images, image_index, class_index), ask)
    weighted = sums.weighted
    if centred:
        weighted = weighted - (sums.scores / masks)[:, None, None] * sums.shown
    shown = sums.shown if normalised == "observed" else torch.full_like(sums.shown, masks * probability)
    return torch.where(shown > 0, weighted / shown, 0).float()


class _Sums(NamedTuple):
    """Sums over all masks, float64, a row per query.

    Attributes:
        weighted: (N, H, W), masks times the class's probability.
        shown: (N, H, W), masks.
        scores: (N,), probabilities.
    """

    weighted: Tensor
    shown: Tensor
    scores: Tensor


def _sums(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    count: int,
    cells: int,
    probability: float,
) -> _Sums:
    size = (images.shape[2], images.shape[3])
    weighted, shown = (images.new_zeros((len(image_index), *size), dtype=torch.float64) for _ in range(2))
    scores = weighted.new_zeros(len(image_index))
    for image, queries in by_image(image_index):

        def masks(part: range, seed: int = seeds[image]) -> Tensor:
            return random_masks(seed, part, size, cells, probability)

        for answer in masked_scores(
            network, images[image].detach(), masks, count, class_index[queries], label="rise"
        ):
            flat = answer.masks.double().flatten(1)
            # one class at a time, so that rounding does not depend on how many there are
            for place, query in enumerate(queries.tolist()):
                weighted[query] += (answer.scores[:, place] @ flat).view(size)
            shown[queries] += flat.sum(dim=0).view(size)
            scores[queries] += answer.scores.sum(dim=0)
    return _Sums(weighted, shown, scores)


def random_masks(seed: int, numbers: range, size: tuple[int, int], cells: int, probability: float) -> Tensor:
    """Draw masks: cells shown or hidden at random, enlarged bilinearly and shifted by part of a cell.

    Args:
        seed: of the image.
        numbers: of the masks, each of which is drawn for itself.
        size: (H, W).
        cells: along each side.
        probability: that a cell is shown.

    Returns:
        (m, 1, H, W) float32 on the CPU, from 0 to 1.
    """
    height, width = size
    cell_height, cell_width = math.ceil(height / cells), math.ceil(width / cells)
    enlarged = ((cells + 1) * cell_height, (cells + 1) * cell_width)
    masks = torch.empty(len(numbers), 1, height, width)
    for row, number in enumerate(numbers):
        draws = torch.rand(cells * cells + 2, generator=generator(seed, "masks", number))
        grid = (draws[2:] < probability).float().view(1, 1, cells, cells)
        top, left = int(draws[0] * cell_height), int(draws[1] * cell_width)
        whole = F.interpolate(grid, enlarged, mode="bilinear", align_corners=False)
        masks[row] = whole[0, :, top : top + height, left : left + width]
    return masks
