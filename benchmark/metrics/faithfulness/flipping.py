"""What does the network answer while squares of the picture are overwritten one after the other?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ....base import seed_for
from ..interface import MetricPasses, network_metric
from ..query import Curve, Fill, NetworkQuery, Order

Steps = Annotated[int, Field(ge=1, le=10_000)]
Side = Annotated[int, Field(ge=1, le=1000)]
Draws = Annotated[int, Field(ge=1, le=1000)]


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    drawn = options["draws"] if options["fill"] == "noise" else 1
    both = 2 if options["order"] == "difference" else 1
    return MetricPasses(forwards=both * drawn * options["steps"], forwards_per_image=1)


def _changed(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"higher_is_better": False} if options["order"] == "lerf" else {}


@network_metric(
    "pixel_flipping",
    label="Flipping",
    title="Pixel flipping",
    words="How far the class's probability falls while the hottest squares are overwritten first.",
    bounds=(-1.0, 1.0),
    passes=_passes,
    changed=_changed,
    curve="steps of squares that are overwritten",
    curve_value="mean",
)
def pixel_flipping(
    query: NetworkQuery,
    *,
    side: Side = 9,
    steps: Steps = 100,
    fill: Fill = "mean",
    draws: Draws = 10,
    order: Literal["morf", "lerf", "difference"] = "morf",
) -> Curve:
    """Mean fall of the probability over the first steps of one square each (AOPC).

    1/(steps + 1) times the sum of p_0 - p_k, k from 0; once all squares are gone, the curve stays.

    Args:
        query: picture, map and network.
        side: of the squares in pixels of the network's input; the last row and column hold what is left over.
        steps: squares that are overwritten.
        fill: what squares show.
        draws: with `noise`, fields of noise that the curve is a mean over.
        order: squares by falling mean saliency (`morf`) or rising (`lerf`), equal ones in an order drawn for
            the query; or how much the first fall exceeds the second.

    Source: Samek et al., Evaluating the Visualization of What a Deep Neural Network Has Learned, TNNLS 2017.
    """
    drawn = draws if fill == "noise" else 1
    if order != "difference":
        return Curve(_fall(query, side, steps, fill, drawn, order))
    early, late = (_fall(query, side, steps, fill, drawn, one) for one in ("morf", "lerf"))
    return Curve(tuple(one - other for one, other in zip(early, late, strict=True)))


def _fall(
    query: NetworkQuery, side: int, steps: int, fill: Fill, draws: int, order: Order
) -> tuple[float, ...]:
    """p_0 - p_k from k = 0 on, as a mean over fields of noise."""

    def find() -> tuple[float, ...]:
        ranks = _ranks_of_squares(query, side, order)
        fills = [query.picture.fill(fill, seed_for(query.seed, "flip", one)) for one in range(draws)]

        def pictures(part: range) -> Tensor:
            gone = torch.tensor([number % steps + 1 for number in part], device=ranks.device)
            shown = torch.stack([fills[number // steps] for number in part])
            return torch.where((ranks < gone[:, None, None])[:, None], shown, query.image)

        left = query.scores(draws * steps, pictures).view(draws, steps).mean(dim=0)
        return (0.0, *(query.score_of_image() - left).tolist())

    return query.once(("squares", side, steps, fill, draws, order), find)


def _ranks_of_squares(query: NetworkQuery, side: int, order: Order) -> Tensor:
    """Place of each pixel's square in the order: (h, w) int64."""
    height, width = query.saliency.shape
    # the mean of what there is of a square: those at the edge are smaller
    means = F.avg_pool2d(query.saliency[None, None].double(), side, ceil_mode=True)[0, 0]
    generator = torch.Generator().manual_seed(query.seed)
    first = torch.randperm(means.numel(), generator=generator).to(means.device)
    placed = first[means.flatten()[first].argsort(descending=order == "morf", stable=True)]
    ranks = torch.empty_like(placed)
    ranks[placed] = torch.arange(len(placed), device=placed.device)
    squares = ranks.view(means.shape).repeat_interleave(side, 0).repeat_interleave(side, 1)
    return squares[:height, :width]
