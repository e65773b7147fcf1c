"""Does the network lose the class when what the map shows is hidden, and find it when it is uncovered?"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any

import torch
from pydantic import Field

from ..interface import MetricPasses, network_metric
from ..query import Curve, Fill, NetworkQuery, Order, Ties

Steps = Annotated[int, Field(ge=1, le=10_000)]


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(forwards=options["steps"] - 1, forwards_per_image=2)


def _passes_twice(options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(forwards=2 * (options["steps"] - 1), forwards_per_image=2)


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
    return Curve(_points(query, steps, fill, ties, order, logits, shown_first=True))


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
    return Curve(_points(query, steps, fill, ties, order, logits, shown_first=False))


@network_metric(
    "symmetric_relevance_gain",
    label="SRG",
    title="Symmetric relevance gain",
    words="How much more of the class is left when the coldest pixels are hidden first than the hottest.",
    bounds=(-1.0, 1.0),
    chance=0.0,
    passes=_passes_twice,
    changed=_changed,
    curve="share of pixels hidden",
)
def symmetric_relevance_gain(
    query: NetworkQuery,
    *,
    steps: Steps = 28,
    fill: Fill = "mean",
    ties: Ties = "random",
    logits: bool = False,
) -> Curve:
    """Deletion from the least salient pixel on, minus deletion from the most salient one on.

    Both hide pixels by the same fill, which takes most of its effect away; with the same fill and `steps` it
    is insertion minus deletion. Arguments as for `deletion`, whose curve it shares.

    Source: Blücher et al., Decoupling Pixel Flipping and Occlusion Strategy, TMLR 2024.
    """
    lerf, morf = (
        _points(query, steps, fill, ties, order, logits, shown_first=True) for order in ("lerf", "morf")
    )
    return Curve(tuple(late - early for late, early in zip(lerf, morf, strict=True)))


def _points(
    query: NetworkQuery, steps: int, fill: Fill, ties: Ties, order: Order, logits: bool, *, shown_first: bool
) -> tuple[float, ...]:
    """Scores while pixels go from the picture to the fill, or the other way round, with both ends."""

    def find() -> tuple[float, ...]:
        old, new = (query.image, query.fill(fill))[:: 1 if shown_first else -1]
        ends = query.score_of_image(logits=logits), query.score_of_fill(fill, logits=logits)
        first, last = ends[:: 1 if shown_first else -1]
        ranks, pixels = query.ranks(ties, order), query.saliency.numel()

        def pictures(part: range) -> torch.Tensor:
            gone = torch.tensor([(number + 1) * pixels // steps for number in part], device=ranks.device)
            return torch.where((ranks < gone[:, None, None])[:, None], new, old)

        return (first, *query.scores(steps - 1, pictures, logits=logits).tolist(), last)

    return query.once((fill, steps, ties, order, logits, shown_first), find)
