"""How concentrated is the map? Metrics of the map alone, of which no value is better than another."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from .batch import SaliencyBatch
from .interface import map_metric

Level = Annotated[float, Field(ge=0, lt=1)]


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
    ascending = batch.ascending.double()
    n = ascending.shape[1]
    weights = 2 * torch.arange(1, n + 1, device=ascending.device, dtype=torch.float64) - n - 1
    return (ascending * weights).sum(dim=1) / (n * ascending.sum(dim=1))


@map_metric(
    "entropy",
    label="Entropy",
    title="Entropy",
    words="How far the map's heat is spread out: 1 if over all pixels evenly, 0 if it is on one pixel.",
    chance=1.0,
)
def entropy(batch: SaliencyBatch) -> Tensor:
    """Entropy of the map as a distribution over its n pixels, divided by the largest that there is, ln n.

    Returns:
        (N,) float64, from 0 to 1.

    Source: Bhatt et al., Evaluating and Aggregating Feature-based Model Explanations, IJCAI 2020, whose
        complexity is not divided, so that it grows with the picture.
    """
    shares = batch.saliency.double() / batch.total[:, None, None]
    spread: Tensor = torch.special.entr(shares).sum(dim=2).sum(dim=1)
    return spread / math.log(max(2, batch.saliency[0].numel()))


@map_metric(
    "effective_complexity",
    label="Eff. compl.",
    title="Effective complexity",
    words="The share of the picture that the map does not leave cold.",
    unit="ratio",
    chance=1.0,
)
def effective_complexity(batch: SaliencyBatch, *, level: Level = 0.001) -> Tensor:
    """Share of the pixels that are more salient than a thousandth of the most salient one.

    Args:
        batch: maps.
        level: the threshold, as a share of the maximum.

    Returns:
        (N,) float64, from 0 to 1.

    Source: after Nguyen & Martinez, On quantitative aspects of model interpretability, 2020, who count the
        features that may not be left out.
    """
    values = batch.saliency.flatten(1)
    return (values > level * values.amax(dim=1, keepdim=True)).double().mean(dim=1)
