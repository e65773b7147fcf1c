"""Does a pixel hit the object: the most salient one, one drawn in proportion to the map, or on average?"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..batch import SaliencyBatch
from ..interface import localisation_metric


@localisation_metric(
    "pointing_game",
    label="PG",
    title="Pointing game",
    words="How often the hottest pixel of the map hits the object, give or take a few pixels.",
    aggregates=("class_mean", "query_mean"),
    outcomes=(0.0, 100.0),
    where="near",
    window=True,
    judges_point=True,
)
def pointing_game(batch: SaliencyBatch) -> Tensor:
    """Percentage of queries whose most salient pixel lies on the object, within the tolerance.

    Returns:
        (N,) float64, 100 for a hit and 0 for a miss.

    Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016.
    """
    hits = batch.near.flatten(1).gather(1, batch.peak[:, None]).squeeze(1)
    return 100 * hits.to(torch.float64)


@localisation_metric(
    "stochastic_pointing_game",
    label="SPG",
    title="Stochastic pointing game",
    words="How often a pixel hits the object when it is drawn at random, hot pixels more often "
    "than cold ones.",
    where="near",
    window=True,
    changed=lambda options: {"step": 100 / options["samples"]} if options.get("samples") else {},
)
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


@localisation_metric(
    "content_heatmap",
    label="CH",
    title="Content heatmap",
    words="How much of the map's heat lies on the object itself.",
    where="own",
    window=True,
)
def content_heatmap(batch: SaliencyBatch) -> Tensor:
    """Percentage of the map's saliency inside the region of the object.

    Returns:
        (N,) float64, in percent.

    Source: Pillai & Pirsiavash, Explainable Models with Consistent Interpretations, AAAI 2021.
    """
    return batch.share(batch.mask)
