"""Does the network lose the class when what the map shows is hidden, and find it when it is uncovered?"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from .interface import MetricPasses, network_metric
from .query import Curve, Fill, NetworkQuery, Ties

__all__ = ["deletion", "insertion"]

Steps = Annotated[int, Field(ge=1, le=10_000)]
Order = Literal["morf", "lerf"]


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(forwards=options["steps"] + 1)


def _changed(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """A logit has no bounds."""
    return {"unit": "none", "bounds": (-inf, inf)} if options["logits"] else {}


@network_metric(
    "deletion",
    label="Deletion",
    title="Deletion",
    words="How much of the class's probability is left while the map's hottest pixels are hidden first.",
    higher_is_better=False,
    passes=_passes,
    changed=_changed,
    curve="share of pixels hidden",
)
def deletion(
    query: NetworkQuery,
    *,
    steps: Steps = 28,
    fill: Fill = "mean",
    ties: Ties = "random",
    order: Order = "morf",
    logits: bool = False,
) -> Curve:
    """Area below the class's probability while pixels are hidden in the order of the map.

    Point k of the curve hides the first floor(k P / steps) of P pixels, in all colours.

    Args:
        query: picture, map and network.
        steps: equal steps from the whole picture to none of it.
        fill: what hidden pixels show.
        ties: order of equally salient pixels.
        order: the most salient pixels first (`morf`) or the least salient (`lerf`).
        logits: read the class's logit instead of its probability.

    Source: Petsiuk et al., RISE, BMVC 2018, whose batch protocol takes 28 steps of a 224 x 224 picture.
    """
    seen, hidden = query.image, query.fill(fill)
    first, last = query.score_of_image(logits=logits), query.score_of_fill(fill, logits=logits)
    return Curve((first, *_between(query, seen, hidden, steps, ties, order, logits), last))


@network_metric(
    "insertion",
    label="Insertion",
    title="Insertion",
    words="How soon the class is found while the map's hottest pixels are uncovered first.",
    passes=_passes,
    changed=_changed,
    curve="share of pixels uncovered",
)
def insertion(
    query: NetworkQuery,
    *,
    steps: Steps = 28,
    fill: Fill = "blur",
    ties: Ties = "random",
    order: Order = "morf",
    logits: bool = False,
) -> Curve:
    """Area below the class's probability while a blurred picture is uncovered in the order of the map.

    Arguments as for `deletion`; `fill` is what is seen before a pixel is uncovered.

    Source: Petsiuk et al., RISE, BMVC 2018.
    """
    seen, uncovered = query.fill(fill), query.image
    first, last = query.score_of_fill(fill, logits=logits), query.score_of_image(logits=logits)
    return Curve((first, *_between(query, seen, uncovered, steps, ties, order, logits), last))


def _between(
    query: NetworkQuery, old: Tensor, new: Tensor, steps: int, ties: Ties, order: Order, logits: bool
) -> list[float]:
    """Scores of the pictures in which the first pixels have gone from `old` to `new`, without both ends."""
    ranks, pixels = query.ranks(ties), query.saliency.numel()
    if order == "lerf":
        ranks = pixels - 1 - ranks

    def pictures(part: range) -> Tensor:
        gone = torch.tensor([(number + 1) * pixels // steps for number in part], device=ranks.device)
        return torch.where((ranks < gone[:, None, None])[:, None], new, old)

    found: list[float] = query.scores(steps - 1, pictures, logits=logits).tolist()
    return found
