"""Remove and debias: does the class get lost when what the map shows is replaced by its surroundings?"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ....base import seed_for
from ..interface import MetricPasses, network_metric
from ..query import Curve, NetworkQuery, Order, Ties
from .imputation import imputed

Steps = Annotated[int, Field(ge=2, le=100)]
Noise = Annotated[float, Field(ge=0, le=1)]


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(forwards=options["steps"] * (2 if options["order"] == "combined" else 1))


def _changed(options: Mapping[str, Any]) -> Mapping[str, Any]:
    share = 100 / (options["steps"] + 1)
    facts: dict[str, Any] = {"curve_ends": (share, 100 - share)}
    if options["order"] != "combined":
        facts |= {"bounds": (0.0, 1.0), "chance": None, "higher_is_better": options["order"] == "lerf"}
    return facts


@network_metric(
    "road",
    label="ROAD",
    title="Remove and debias",
    words="How much more of the class is left when the coldest pixels are replaced by their surroundings.",
    bounds=(-0.5, 0.5),
    chance=0.0,
    passes=_passes,
    changed=_changed,
    curve="share of pixels replaced",
    curve_value="mean",
    curve_ends=(20.0, 80.0),
)
def road(
    query: NetworkQuery,
    *,
    steps: Steps = 4,
    order: Literal["combined", "morf", "lerf"] = "combined",
    noise: Noise = 0.01,
    ties: Ties = "random",
) -> Curve:
    """Half of what the probability loses more without the most salient pixels than without the least.

    Pixels are replaced by what their surroundings suggest (see `imputed`) and a little noise. The value is
    the mean over the shares of pixels.

    Args:
        query: picture, map and network.
        steps: shares of pixels, in equal steps between none and all: 4 are 20, 40, 60 and 80 %.
        order: `combined`, or the probability itself under the loss of one end.
        noise: standard deviation of the noise on replaced pixels, in normalised units.
        ties: order of equally salient pixels.

    Source: Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022.
    """
    if order != "combined":
        return Curve(_left(query, steps, order, noise, ties))
    late, early = (_left(query, steps, one, noise, ties) for one in ("lerf", "morf"))
    return Curve(tuple((one - other) / 2 for one, other in zip(late, early, strict=True)))


def _left(query: NetworkQuery, steps: int, order: Order, noise: float, ties: Ties) -> tuple[float, ...]:
    """Probabilities without the first k / (steps + 1) of all pixels, k from 1 to `steps`."""

    def find() -> tuple[float, ...]:
        ranks, pixels = query.ranks(ties, order).cpu(), query.saliency.numel()
        image = query.image.cpu().numpy()
        holes = [(ranks < number * pixels // (steps + 1)).numpy() for number in range(1, steps + 1)]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            filled = list(pool.map(partial(imputed, image), holes))
        shown = torch.from_numpy(np.stack(filled)).float()
        shown += torch.from_numpy(np.stack(holes))[:, None] * (noise * _noise(query))
        shown = shown.to(query.image.device)
        return tuple(query.scores(steps, lambda part: shown[part.start : part.stop]).tolist())

    return query.once(("road", steps, order, noise, ties), find)


def _noise(query: NetworkQuery) -> Tensor:
    """Normal noise (3, h, w) of the query's own, the same for all shares and on every device."""
    generator = torch.Generator().manual_seed(seed_for(query.seed, "road", 0))
    return torch.randn(query.image.shape, generator=generator)
