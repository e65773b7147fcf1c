"""Does the map add up? Random parts of the picture are hidden, the same for all methods and classes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ....base import seed_for
from ..interface import MetricPasses, network_metric
from ..query import Curve, NetworkQuery, Picture

Draws = Annotated[int, Field(ge=2, le=10_000)]
Size = Annotated[int, Field(ge=1)]
Sizes = Annotated[int, Field(ge=2, le=100)]
Side = Annotated[int, Field(ge=1, le=10_000)]
Constant = Literal["mean", "black", "white"]

_ENDS = (1.0, 80.0)
_ROWS = 224
"""A subset holds as many pixels as a row of a picture of 224 x 224 by default, or the same share."""


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(forwards_per_image=options["draws"] * options.get("sizes", 1) + 1)


@network_metric(
    "faithfulness_correlation",
    label="Faith. corr.",
    title="Faithfulness correlation",
    words="Whether hiding random pixels costs the class's logit as much as the map gives them.",
    unit="correlation",
    bounds=(-1.0, 1.0),
    passes=_passes,
)
def faithfulness_correlation(
    query: NetworkQuery, *, draws: Draws = 100, size: Size | None = None, fill: Constant = "mean"
) -> float:
    """Correlation between the map's sum over random pixels and what the logit loses without them.

    Pearson's coefficient over the draws; 0 where one of both is constant. Maps keep their sign where the
    method gives one.

    Args:
        query: picture, map and network.
        draws: random sets of pixels, of the image's own: all methods and classes share the passes.
        size: pixels of a set; by default 1/224 of the picture.
        fill: what hidden pixels show.

    Source: Bhatt et al., Evaluating and Aggregating Feature-based Model Explanations, IJCAI 2020.
    """
    return _correlation(query, draws, size or -(-query.saliency.numel() // _ROWS), fill)


@network_metric(
    "sensitivity_n",
    label="Sens.-n",
    title="Sensitivity-n",
    words="Whether hiding random pixels, few or many, costs the class's logit as much as the map gives them.",
    unit="correlation",
    bounds=(-1.0, 1.0),
    passes=_passes,
    curve="share of pixels hidden",
    curve_value="mean",
    curve_ends=_ENDS,
    curve_in_ratios=True,
)
def sensitivity_n(
    query: NetworkQuery, *, sizes: Sizes = 8, draws: Draws = 100, fill: Constant = "mean"
) -> Curve:
    """Correlations as in `faithfulness_correlation`, for sets from 1 to 80 % of the picture, and their mean.

    Args:
        query: picture, map and network.
        sizes: of sets, in equal ratios.
        draws: random sets of each size; larger ones hold the smaller ones.
        fill: what hidden pixels show.

    Source: Ancona et al., Towards better understanding of gradient-based attribution methods, ICLR 2018.
    """
    pixels = query.saliency.numel()
    shares = np.geomspace(*_ENDS, sizes) / 100
    return Curve(tuple(_correlation(query, draws, max(1, round(one * pixels)), fill) for one in shares))


@network_metric(
    "infidelity",
    label="Infidelity",
    title="Infidelity",
    words="How badly the map foretells what the class's logit loses when a random square is hidden.",
    unit="ratio",
    bounds=(0.0, 1.0),
    higher_is_better=False,
    passes=_passes,
)
def infidelity(
    query: NetworkQuery, *, draws: Draws = 100, least: Side = 20, most: Side = 100, fill: Constant = "mean"
) -> float:
    """Share of the logit's losses that the map does not foretell, up to its scale.

    Mean of (b I - loss)^2 over that of loss^2; I is the sum of the map times what hiding takes from the
    picture, over pixels and colours, and b the scale that fits best. NaN where nothing is ever lost.

    Args:
        query: picture, map and network.
        draws: random squares, of the image's own: all methods and classes share the passes.
        least: smallest side of a square in pixels of the network's input.
        most: largest side; both are cut to the picture's shorter side.
        fill: what hidden pixels show.

    Source: Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019; with the division
    by the losses, without which values compare networks.
    """
    squares = _squares(query.picture, draws, least, most)
    loss = _losses(query, ("squares", draws, least, most, fill), lambda: squares, fill)
    taken = (query.signed * (query.image - query.fill(fill)).sum(dim=0)).double().cpu()
    foretold = (squares * taken).flatten(1).sum(dim=1)
    length = foretold.square().sum()
    scale = (foretold * loss).sum() / length if length > 0 else torch.zeros(())
    total = loss.square().sum()
    return float((scale * foretold - loss).square().sum() / total) if total > 0 else float("nan")


def _correlation(query: NetworkQuery, draws: int, size: int, fill: Constant) -> float:
    order = _orders(query.picture, draws)

    def masks() -> Tensor:
        hidden = torch.zeros(order.shape, dtype=torch.bool)
        return hidden.scatter_(1, order[:, :size], value=True).view(draws, *query.saliency.shape)

    loss = _losses(query, ("pixels", draws, size, fill), masks, fill)
    sums = query.signed.double().cpu().flatten()[order[:, :size]].sum(dim=1)
    return _pearson(sums, loss)


def _losses(query: NetworkQuery, question: Hashable, masks: Callable[[], Tensor], fill: Constant) -> Tensor:
    """What the logit loses when pixels are hidden by masks (n, h, w) bool on the CPU: (n,) float64."""
    picture = query.picture

    def find() -> Tensor:
        all_hidden = masks()

        def pictures(part: range) -> Tensor:
            hidden = all_hidden[part.start : part.stop, None].to(query.image.device)
            return torch.where(hidden, query.fill(fill), query.image)

        return picture.ask(len(all_hidden), pictures).cpu()

    found = picture.once(("hidden", question), find)
    return query.score_of_image(logits=True) - query.read(found, logits=True)


def _orders(picture: Picture, draws: int) -> Tensor:
    """Random orders of the picture's pixels: (draws, h w) int64 on the CPU."""

    def drawn(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed_for(picture.seed, "pixels", number))
        return torch.randperm(picture.image[0].numel(), generator=generator)

    return picture.once(("orders", draws), lambda: torch.stack([drawn(number) for number in range(draws)]))


def _squares(picture: Picture, draws: int, least: int, most: int) -> Tensor:
    """Random squares inside the picture: masks (draws, h, w) bool on the CPU."""

    def find() -> Tensor:
        height, width = picture.image.shape[1:]
        low, high = (min(side, height, width) for side in (least, max(least, most)))
        masks = torch.zeros(draws, height, width, dtype=torch.bool)
        for number, mask in enumerate(masks):
            generator = torch.Generator().manual_seed(seed_for(picture.seed, "square", number))
            side = int(torch.randint(low, high + 1, (), generator=generator))
            top, left = (
                int(torch.randint(0, length - side + 1, (), generator=generator))
                for length in (height, width)
            )
            mask[top : top + side, left : left + side] = True
        return masks

    return picture.once(("squares", draws, least, most), find)


def _pearson(one: Tensor, other: Tensor) -> float:
    """Correlation of two vectors float64; 0 where one of them is constant."""
    if any(vector.max() == vector.min() for vector in (one, other)):
        return 0.0
    one, other = (vector - vector.mean() for vector in (one, other))
    return max(-1.0, min(1.0, float(one @ other / (one.norm() * other.norm()))))
