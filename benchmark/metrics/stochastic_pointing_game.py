"""The stochastic pointing game: how often does a pixel drawn from the map hit the object?"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from .interface import SaliencyBatch, localisation_metric

__all__ = ["stochastic_pointing_game"]


@localisation_metric("stochastic_pointing_game", label="SPG")
def stochastic_pointing_game(
    batch: SaliencyBatch, *, samples: Annotated[int, Field(ge=1)] | None = None
) -> Tensor:
    """Probability that a pixel drawn in proportion to the map hits the object, within the tolerance.

    The published procedure draws 100 pixels with replacement and takes the share of hits. Its expectation has
    a closed form, the share of the map within the tolerance, which is what this returns by default.

    Args:
        batch: maps and ground truth; `seeds` are read only if `samples` is given.
        samples: number of pixels to draw per query, for parity with the published procedure.

    Returns:
        (N,) float64, in percent.

    Source: Pillai & Pirsiavash, Explainable Models with Consistent Interpretations, AAAI 2021.
    """
    if samples is None:
        return batch.share(batch.near)
    return torch.stack(
        [
            _sampled_share(saliency.flatten(), near.flatten(), samples, seed)
            for saliency, near, seed in zip(batch.saliency, batch.near, batch.seeds, strict=True)
        ]
    )


def _sampled_share(saliency: Tensor, near: Tensor, samples: int, seed: int) -> Tensor:
    """Percentage of `samples` pixels, drawn on the CPU so that every device draws the same, that hit."""
    generator = torch.Generator().manual_seed(seed)
    cumulative = saliency.to("cpu", torch.float64).cumsum(0)
    draws = torch.rand(samples, generator=generator, dtype=torch.float64) * cumulative[-1]
    # right=True: a draw on a boundary belongs to the next pixel, so a pixel without saliency is never drawn
    drawn = torch.searchsorted(cumulative, draws, right=True).clamp_(max=len(cumulative) - 1)
    return 100 * near[drawn.to(near.device)].to(torch.float64).mean()
