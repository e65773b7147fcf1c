"""Does the map, cut at a threshold, cover the object as a segmentation does?"""

from __future__ import annotations

import torch
from torch import Tensor

from ..batch import SaliencyBatch
from ..interface import localisation_metric, set_metric


@localisation_metric(
    "iou_at_mean",
    label="IoU at mean",
    title="IoU at the mean",
    words="How well the pixels that are hotter than the map's mean cover the object and nothing else.",
    may_lack=True,
)
def iou_at_mean(batch: SaliencyBatch) -> Tensor:
    """Intersection over union of the region and the pixels strictly above the map's mean.

    Returns:
        (N,) float64, in percent; 0 for a constant map, NaN where the region has no pixel.

    Source: the threshold of Chefer et al., Transformer Interpretability Beyond Attention Visualization,
        CVPR 2021.
    """
    common, either, found = _common(batch)
    return torch.where(found > 0, 100 * common / either, torch.nan)


@localisation_metric(
    "best_iou",
    label="Best IoU",
    title="Best IoU of any threshold",
    words="How well the map could cover the object if each picture chose its own threshold.",
    may_lack=True,
)
def best_iou(batch: SaliencyBatch) -> Tensor:
    """Largest intersection over union of the region and the pixels above any threshold: an upper bound.

    The threshold is chosen on the truth, for each query, as no one could who does not know it.

    Returns:
        (N,) float64, in percent; the region's share of the picture for a constant map, NaN where the region
        has no pixel.
    """
    ranked, pixels = batch.ranked, batch.pixels[:, None]
    overlap = ranked.hits.double() / (ranked.found + pixels - ranked.hits)
    best = torch.where(ranked.ends, overlap, 0.0).amax(dim=1)
    return torch.where(batch.pixels > 0, 100 * best, torch.nan)


@set_metric(
    "pixel_accuracy",
    rule="share_of_right_pixels",
    label="Pixel acc.",
    title="Pixel accuracy",
    words="How many pixels are right, if those hotter than their map's mean are taken for the object.",
    perfect=100.0,
)
def pixel_accuracy(batch: SaliencyBatch) -> Tensor:
    """Pixels of each map, cut at its mean, that are rightly hot, wrongly hot, missed, and rightly cold.

    Returns:
        (N, 4) int64.

    Source: Chefer et al., CVPR 2021.
    """
    return _confusion(batch)


@set_metric(
    "mean_iou",
    rule="iou_of_both_sides",
    label="mIoU",
    title="Mean IoU of object and background",
    words="How well the maps, cut at their means, divide all pictures into object and background.",
    perfect=100.0,
)
def mean_iou(batch: SaliencyBatch) -> Tensor:
    """Counts as for `pixel_accuracy`; of their sums the mean of the IoU of objects and that of the rest.

    Returns:
        (N, 4) int64.

    Source: Chefer et al., CVPR 2021.
    """
    return _confusion(batch)


def _common(batch: SaliencyBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels in both of region and foreground, in either, and in the region: (N,) float64 each."""
    foreground, inside = batch.above_mean.flatten(1), batch.mask.flatten(1)
    common, region = (foreground & inside).sum(dim=1).double(), inside.sum(dim=1).double()
    return common, foreground.sum(dim=1) + region - common, region


def _confusion(batch: SaliencyBatch) -> Tensor:
    common, either, region = _common(batch)
    counts = torch.stack((common, either - region, region - common, batch.mask[0].numel() - either), dim=1)
    return torch.where(region[:, None] > 0, counts, 0).long()
