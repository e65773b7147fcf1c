"""Does the map stay as it is when the picture hardly changes?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ...base import seed_for
from .interface import MetricPasses, explanation_metric
from .query import ExplainedQuery

Draws = Annotated[int, Field(ge=1, le=1000)]
Radius = Annotated[float, Field(gt=0, le=1)]
Units = Literal["pixels", "normalised"]


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    what = f"{options['draws']} noisy copies within {options['radius']:g} ({options['of']})"
    return MetricPasses(runs=options["draws"], shares=what)


@explanation_metric(
    "max_sensitivity",
    label="Max-sens.",
    title="Maximal sensitivity",
    words="How far the map moves, at most, when a little noise is added to the picture.",
    passes=_passes,
)
def max_sensitivity(
    query: ExplainedQuery, *, draws: Draws = 10, radius: Radius = 0.02, of: Units = "pixels"
) -> float:
    """Largest relative distance between the raw map and the raw maps of noisy copies of the picture.

    max over copies of |map(x + noise) - map(x)| / |map(x)|, in the Euclidean norm; NaN where map(x) is zero.

    Args:
        query: picture, map and method.
        draws: noisy copies.
        radius: largest change of a pixel, as a share of the range from black to white: 0.02 is 5 of 255.
        of: `normalised` takes the radius in units of the network's input instead.

    Source: Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019.
    """
    moved = _moved(query, draws, radius, of)
    return float(moved.maps.max() / moved.length) if moved.length > 0 else float("nan")


@explanation_metric(
    "average_sensitivity",
    label="Avg-sens.",
    title="Average sensitivity",
    words="How far the map moves, on average, when a little noise is added to the picture.",
    passes=_passes,
)
def average_sensitivity(
    query: ExplainedQuery, *, draws: Draws = 10, radius: Radius = 0.02, of: Units = "pixels"
) -> float:
    """Mean over copies of what `max_sensitivity` takes the largest of; the same copies."""
    moved = _moved(query, draws, radius, of)
    return float(moved.maps.mean() / moved.length) if moved.length > 0 else float("nan")


@explanation_metric(
    "local_lipschitz",
    label="Lipschitz",
    title="Local Lipschitz estimate",
    words="How far the map moves, at most, for each unit by which noise moves the picture.",
    passes=_passes,
)
def local_lipschitz(
    query: ExplainedQuery,
    *,
    draws: Draws = 10,
    radius: Radius = 0.02,
    of: Units = "pixels",
    relative: bool = True,
) -> float:
    """Largest |map(x') - map(x)| / |x' - x| over noisy copies x', in the Euclidean norm.

    Args:
        query: picture, map and method.
        draws: noisy copies, those of `max_sensitivity`.
        radius: largest change of a pixel.
        of: what the radius is a share of.
        relative: divide by |map(x)| too, without which methods are compared by the scale of their maps.

    Source: Alvarez-Melis and Jaakkola, On the Robustness of Interpretability Methods, 2018.
    """
    moved = _moved(query, draws, radius, of)
    if not relative:
        return float((moved.maps / moved.pictures).max())
    return float((moved.maps / moved.pictures).max() / moved.length) if moved.length > 0 else float("nan")


class _Moved(NamedTuple):
    """How far maps and pictures of noisy copies lie from the query's own: (draws,); and the map's length."""

    maps: Tensor
    pictures: Tensor
    length: Tensor


def _moved(query: ExplainedQuery, draws: int, radius: float, of: Units) -> _Moved:
    def copies() -> Tensor:
        low, high = (bound.to(query.image) for bound in query.seen.picture.input_range)
        noise = torch.stack([_uniform(query, number) for number in range(draws)]).to(query.image)
        return query.image + noise * radius * (high - low if of == "pixels" else 1)

    def find() -> _Moved:
        shown = query.seen.picture.once(question, copies)
        original, maps = query.original.double(), query.explain(shown).double()
        return _Moved(
            (maps - original).flatten(1).norm(dim=1),
            (shown.double() - query.image.double()).flatten(1).norm(dim=1),
            original.norm(),
        )

    question = ("nearby", draws, radius, of)
    return query.once(question, find)


def _uniform(query: ExplainedQuery, number: int) -> Tensor:
    """Noise (3, h, w) from -1 to 1, the same for every method and class of the picture, on every device."""
    generator = torch.Generator().manual_seed(seed_for(query.seed, "nearby", number))
    return 2 * torch.rand(query.image.shape, generator=generator) - 1
