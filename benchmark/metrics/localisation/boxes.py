"""Does a box around the map's hot part fit a box around the object?"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..batch import SaliencyBatch
from ..interface import localisation_metric, set_metric
from .contours import LEVELS, Which, best_overlaps, boxes_above, in_bytes, overlaps_of, resized, true_boxes

Overlap = Annotated[float, Field(gt=0, le=1)]
Side = Annotated[int, Field(ge=8, le=1024)]
Truth = Literal["any", "first"]


@set_metric(
    "max_box_accuracy",
    rule="best_threshold",
    label="MaxBoxAccV2",
    title="Maximal box accuracy, version 2",
    words="How often a box around hot parts of the map fits an object, at the best threshold of the set.",
)
def max_box_accuracy(
    batch: SaliencyBatch,
    *,
    overlaps: tuple[Overlap, ...] = (0.3, 0.5, 0.7),
    boxes: Which = "all",
    truth: Truth = "any",
    side: Side = 224,
) -> Tensor:
    """Count, for each overlap and each threshold on the map, whether a box fits a true one.

    Maps are resized, scaled to 0 … 255 and cut to integers, so that 255 thresholds tell all foregrounds
    apart. The value is the share of hits at the best threshold of the set, averaged over the overlaps.

    Args:
        batch: maps and the boxes of their objects.
        overlaps: intersections over union from which on a box fits.
        boxes: those of `all` contours, or of the `largest` component with its holes filled.
        truth: a hit fits `any` box of the class, or the `first` one.
        side: of the square that maps and true boxes are brought to.

    Returns:
        (N, K) int64: hits by overlap and threshold, then 1 for the query; nothing where it has no region.

    Source: Choe et al., Evaluation for Weakly Supervised Object Localization, TPAMI 2022.
    """
    question = ("hits of boxes", overlaps, boxes, truth, side)
    if question not in batch.remembered:
        batch.remembered[question] = _hits(batch, overlaps, boxes, truth, side)
    return batch.remembered[question]


@set_metric(
    "max_box_accuracy_cross_fitted",
    rule="threshold_of_other_half",
    label="MaxBoxAcc-CF",
    title="Maximal box accuracy, cross-fitted",
    words="How often a box around hot parts of the map fits an object, at the threshold that is best for the "
    "other half of the set.",
)
def max_box_accuracy_cross_fitted(
    batch: SaliencyBatch,
    *,
    overlaps: tuple[Overlap, ...] = (0.3, 0.5, 0.7),
    boxes: Which = "all",
    truth: Truth = "any",
    side: Side = 224,
) -> Tensor:
    """Count as `max_box_accuracy` does, shared with it, in two halves of the queries that their seeds draw.

    The best threshold of a set is chosen on the pictures that it is tested on; by how much that flatters is
    `max_box_accuracy` less this. Arguments as there.

    Returns:
        (N, 2 K) int64: what `max_box_accuracy` returns in the columns of the query's half, 0 in the others.
    """
    hits = max_box_accuracy(batch, overlaps=overlaps, boxes=boxes, truth=truth, side=side)
    second = torch.tensor([seed % 2 for seed in batch.seeds], dtype=torch.int64)[:, None]
    return torch.cat([hits * (1 - second), hits * second], dim=1)


@set_metric(
    "max_box_accuracy_v1",
    rule="best_threshold",
    label="MaxBoxAcc",
    title="Maximal box accuracy, version 1",
    words="How often the box around the largest hot part fits the first object, at the best threshold "
    "of the whole set.",
)
def max_box_accuracy_v1(batch: SaliencyBatch, *, overlap: Overlap = 0.5, side: Side = 224) -> Tensor:
    """Count as `max_box_accuracy` does, for one overlap, the largest component and the first true box.

    Source: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020, whose
        largest component is that of the largest polygon; ours has the most pixels.
    """
    return max_box_accuracy(batch, overlaps=(overlap,), boxes="largest", truth="first", side=side)


@localisation_metric(
    "box_localisation",
    label="Box loc.",
    title="Localisation by a box",
    words="How often the box around the map's largest hot part overlaps an object by half.",
    outcomes=(0.0, 100.0),
    perfect=None,
    may_lack=True,
)
def box_localisation(
    batch: SaliencyBatch, *, threshold: Overlap = 0.15, overlap: Overlap = 0.5, side: Side = 224
) -> Tensor:
    """Percentage of queries whose largest component above 15 % of the maximum has a box that fits a true one.

    Args:
        batch: maps and the boxes of their objects.
        threshold: as a share of the map's maximum; pixels above it are the foreground.
        overlap: intersection over union from which on a box fits.
        side: of the square that maps and true boxes are brought to.

    Returns:
        (N,) float64, 100 for a hit and 0 for a miss; NaN where there is no region.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017, who explain the class that the network predicts.
    """
    maps = resized(batch, side)
    foreground = (maps > threshold * maps.flatten(1).amax(dim=1)[:, None, None]).cpu().numpy()
    found = torch.full((len(maps),), torch.nan, dtype=torch.float64)
    for row, one in enumerate(foreground):
        objects = true_boxes(batch, row, side)
        if len(objects):
            best = overlaps_of(boxes_above(one, "largest"), objects).max()
            found[row] = 100.0 * bool(best >= overlap)
    return found.to(maps.device)


def _hits(batch: SaliencyBatch, overlaps: tuple[float, ...], boxes: Which, truth: Truth, side: int) -> Tensor:
    """Hits by overlap and threshold, then 1 for the query: (N, 255 D + 1) int64."""
    levels = in_bytes(resized(batch, side))
    found = torch.zeros((len(levels), len(overlaps) * LEVELS + 1), dtype=torch.int64)
    for row, one in enumerate(levels):
        objects = true_boxes(batch, row, side)
        if len(objects):
            best = best_overlaps(one, objects[:1] if truth == "first" else objects, boxes)
            hits = best >= np.array(overlaps)[:, None]
            found[row] = torch.from_numpy(np.append(hits.ravel(), True))
    return found
