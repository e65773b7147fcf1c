"""The pointing game: does the most salient pixel hit the object?"""

from __future__ import annotations

import torch
from torch import Tensor

from .interface import SaliencyBatch, localisation_metric

__all__ = ["pointing_game"]


@localisation_metric("pointing_game", label="PG", aggregates=("class_mean", "query_mean"))
def pointing_game(batch: SaliencyBatch) -> Tensor:
    """Percentage of queries whose most salient pixel lies on the object, within the tolerance.

    Returns:
        (N,) float64, 100 for a hit and 0 for a miss.

    Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016.
    """
    hits = batch.near.flatten(1).gather(1, batch.peak[:, None]).squeeze(1)
    return 100 * hits.to(torch.float64)
