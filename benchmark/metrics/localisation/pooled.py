"""Metrics of all pixels of a set together."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ..batch import SaliencyBatch
from ..interface import set_metric

Bins = Annotated[int, Field(ge=2, le=10_001)]
Side = Annotated[int, Field(ge=1, le=4096)]


@set_metric(
    "pxap",
    rule="pooled_average_precision",
    label="PxAP",
    title="Pixel average precision",
    words="How well one threshold on all maps separates the pixels of objects from the others.",
    perfect=100.0,
)
def pxap(batch: SaliencyBatch, *, bins: Bins = 1001, side: Side | None = None) -> Tensor:
    """Histograms of each map's pixels inside and outside the region, for the pooled average precision.

    Each map is scaled to 0 … 1 (a constant one to 0), and the thresholds are 0 … 1 in equal steps.

    Args:
        batch: maps and ground truth.
        bins: thresholds.
        side: resize maps (bilinearly) and regions (to the nearest pixel) to a square of this side, as the
            published evaluation does with 224; at the picture's own size by default.

    Returns:
        (N, 2 bins) int64: pixels inside by bin, then pixels outside.

    Source: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020.
    """
    maps, inside = batch.saliency, batch.mask
    if side is not None:
        maps = F.interpolate(maps[:, None], (side, side), mode="bilinear", align_corners=False)[:, 0]
        inside = F.interpolate(inside[:, None].float(), (side, side), mode="nearest")[:, 0] > 0.5
    low, high = maps.flatten(1).amin(dim=1, keepdim=True), maps.flatten(1).amax(dim=1, keepdim=True)
    scaled = (maps.flatten(1) - low).double() / (high - low).double().clamp_min(1e-300)
    places = (scaled * (bins - 1)).floor_().long()
    places += torch.where(inside.flatten(1), 0, bins)
    counts = places.new_zeros((len(maps), 2 * bins))
    return counts.scatter_add_(1, places, torch.ones_like(places))
