"""Does the map stay as it is when the picture hardly changes?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from ...base import seed_for
from .interface import MetricPasses, explanation_metric
from .query import ExplainedQuery

__all__ = ["max_sensitivity"]

Draws = Annotated[int, Field(ge=1, le=1000)]
Radius = Annotated[float, Field(gt=0, le=1)]


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(runs=options["draws"])


@explanation_metric(
    "max_sensitivity",
    label="Max-sens.",
    title="Maximal sensitivity",
    words="How far the map moves, at most, when a little noise is added to the picture.",
    passes=_passes,
)
def max_sensitivity(query: ExplainedQuery, *, draws: Draws = 10, radius: Radius = 0.02) -> float:
    """Largest relative distance between the raw map and the raw maps of noisy copies of the picture.

    max over copies of |map(x + noise) - map(x)| / |map(x)|, in the Euclidean norm; NaN where map(x) is zero.

    Args:
        query: picture, map and method.
        draws: noisy copies.
        radius: largest change of a pixel, as a share of the range from black to white: 0.02 is 5 of 255.

    Source: Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019.
    """
    low, high = (bound.to(query.image) for bound in query.input_range)
    noise = torch.stack([_uniform(query, number) for number in range(draws)]).to(query.image)
    maps = query.explain(query.image + noise * radius * (high - low)).double()
    original = query.original.double()
    length = original.norm()
    if not length > 0:
        return float("nan")
    return float((maps - original).flatten(1).norm(dim=1).max() / length)


def _uniform(query: ExplainedQuery, number: int) -> Tensor:
    """Noise (3, h, w) from -1 to 1, the same for every method and class of the picture, on every device."""
    generator = torch.Generator().manual_seed(seed_for(query.seed, "nearby", number))
    return 2 * torch.rand(query.image.shape, generator=generator) - 1
