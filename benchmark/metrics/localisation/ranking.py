"""Do the most salient pixels lie on the object? Only their order counts; ties count in proportion."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..batch import SaliencyBatch
from ..interface import localisation_metric

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


@localisation_metric(
    "relevance_rank_accuracy",
    label="Rank acc.",
    title="Relevance rank accuracy",
    words="How many of the hottest pixels lie on the object, if as many are taken as it has.",
    may_lack=True,
)
def relevance_rank_accuracy(batch: SaliencyBatch) -> Tensor:
    """Percentage of the K most salient pixels that lie in the region, which has K pixels.

    Returns:
        (N,) float64; NaN where the region has no pixel.

    Source: Arras et al., CLEVR-XAI, Information Fusion 2022.
    """
    return _share_of_first(batch, batch.pixels)


@localisation_metric(
    "top_k_intersection",
    label="Top-k",
    title="Top-k intersection",
    words="How many of the map's thousand hottest pixels lie on the object.",
    perfect=None,
    may_lack=True,
)
def top_k_intersection(batch: SaliencyBatch, *, k: Count = 1000, share: Share | None = None) -> Tensor:
    """Percentage of the k most salient pixels that lie in the region.

    Args:
        batch: maps and regions.
        k: pixels of the original picture; all of it if it has fewer.
        share: take this share of the picture instead, rounded down, at least one pixel.

    Returns:
        (N,) float64; NaN where the region has no pixel.

    Source: Theiner et al., Interpretable Semantic Photo Geolocation, WACV 2022.
    """
    pixels = batch.saliency[0].numel()
    count = min(k, pixels) if share is None else max(1, int(share * pixels))
    found = _share_of_first(batch, torch.full_like(batch.pixels, count))
    return torch.where(batch.pixels > 0, found, torch.nan)


@localisation_metric(
    "pixel_average_precision",
    label="Pixel AP",
    title="Pixel average precision of single maps",
    words="How well thresholds on the map separate the object's pixels from the others.",
    may_lack=True,
)
def pixel_average_precision(batch: SaliencyBatch) -> Tensor:
    """Average precision of the region's pixels: the recall that each threshold gains, times its precision.

    One threshold for each value of the map, in steps, not trapezoids. `pxap` pools the pixels of all maps.

    Returns:
        (N,) float64, in percent; NaN where the region has no pixel.

    Source: the average precision of information retrieval; per map as in Chefer et al., CVPR 2021.
    """
    ranked, pixels = batch.ranked, batch.pixels[:, None]
    gains = (ranked.hits - ranked.before(ranked.hits)).double() / pixels
    return 100 * torch.where(ranked.ends, gains * ranked.hits / ranked.found, 0.0).sum(dim=1)


@localisation_metric(
    "pixel_auroc",
    label="Pixel AUROC",
    title="Area under the ROC curve of pixels",
    words="How often a pixel of the object is hotter than one outside of it.",
    chance=50.0,
    may_lack=True,
)
def pixel_auroc(batch: SaliencyBatch) -> Tensor:
    """Probability that a pixel of the region is more salient than one outside, with ties as one half.

    Returns:
        (N,) float64, in percent; NaN where the region has no pixel, or all of them.

    Source: Fawcett, An introduction to ROC analysis, 2006.
    """
    ranked, pixels = batch.ranked, batch.pixels
    others = ranked.found[:, -1] - pixels
    misses = ranked.found - ranked.hits
    widths = (misses - ranked.before(misses)).double()
    heights = (ranked.hits + ranked.before(ranked.hits)).double() / 2
    area = torch.where(ranked.ends, widths * heights, 0.0).sum(dim=1)
    return 100 * area / (pixels * others)


def _share_of_first(batch: SaliencyBatch, count: Tensor) -> Tensor:
    """Percentage of the `count` (N,) most salient pixels that lie in the region.

    Pixels above the last value that is taken in count whole, those at it in proportion.
    """
    values, inside = batch.saliency.flatten(1), batch.mask.flatten(1)
    last = batch.ascending.gather(1, values.shape[1] - count.clamp_min(1)[:, None])
    above, level = values > last, values == last
    left = (count - above.sum(dim=1)).double() / level.sum(dim=1)
    hits = (above & inside).sum(dim=1) + left * (level & inside).sum(dim=1)
    return 100 * hits / count
