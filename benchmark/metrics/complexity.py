"""How concentrated is the map? Metrics of the map alone, of which no value is better than another."""

from __future__ import annotations

import torch
from torch import Tensor

from .batch import SaliencyBatch
from .interface import map_metric

__all__ = ["sparseness"]


@map_metric(
    "sparseness",
    label="Gini",
    title="Sparseness",
    words="How unevenly the map's heat is spread over its pixels: 0 if evenly, near 1 if on one pixel.",
    chance=0.0,
)
def sparseness(batch: SaliencyBatch) -> Tensor:
    """Gini index of the map's pixels: 0 for a uniform map, 1 - 1/n for one pixel of n.

    sum of (2 i - n - 1) s_i over the ascending values s_1 ... s_n, divided by n times their sum.

    Returns:
        (N,) float64, from 0 to 1.

    Source: Chalasani et al., Concise Explanations of Neural Networks using Adversarial Training, ICML 2020.
    """
    ascending = batch.saliency.flatten(1).sort(dim=1).values.double()
    n = ascending.shape[1]
    weights = 2 * torch.arange(1, n + 1, device=ascending.device, dtype=torch.float64) - n - 1
    return (ascending * weights).sum(dim=1) / (n * ascending.sum(dim=1))
