"""Does the network still find the class when it sees only what the map shows?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import Tensor

from ..interface import MetricPasses, network_metric
from ..query import NetworkQuery

Masked = Literal["mean", "black"]
"""What a pixel without saliency becomes: the mean colour (0 after normalisation) or black."""


def _passes(_options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(forwards=1, forwards_per_image=1)


@network_metric(
    "average_drop",
    label="Drop",
    title="Average drop",
    words="How much of the class's probability is lost when only what the map shows is left.",
    unit="percent",
    bounds=(0.0, 100.0),
    higher_is_better=False,
    passes=_passes,
)
def average_drop(query: NetworkQuery, *, masked: Masked = "mean") -> float:
    """Share of the probability that is lost when each pixel is dimmed by the map, from 0 to 1.

    100 max(0, p(x) - p(x m)) / p(x), in percent; m is the map between its least and largest value, and 0
    everywhere for a uniform map.

    Args:
        query: picture, map and network.
        masked: what pixels are dimmed to.

    Source: Chattopadhay et al., Grad-CAM++, WACV 2018.
    """
    before, after = query.score_of_image(), _score_of_masked(query, masked)
    return 100 * max(0.0, before - after) / before if before > 0 else float("nan")


@network_metric(
    "increase_in_confidence",
    label="Increase",
    title="Increase in confidence",
    words="How often the class is found with more confidence when only what the map shows is left.",
    unit="percent",
    bounds=(0.0, 100.0),
    outcomes=(0.0, 100.0),
    passes=_passes,
)
def increase_in_confidence(query: NetworkQuery, *, masked: Masked = "mean") -> float:
    """100 where the probability rises when each pixel is dimmed by the map, else 0; as `average_gain`."""
    return 100.0 * (query.room_above(_logits_of_masked(query, masked)) < query.room_above_image())


@network_metric(
    "average_gain",
    label="Gain",
    title="Average gain",
    words="How much of what the class's probability lacks is gained when only what the map shows is left.",
    unit="percent",
    bounds=(0.0, 100.0),
    passes=_passes,
)
def average_gain(query: NetworkQuery, *, masked: Masked = "mean") -> float:
    """Share of the missing probability that is gained when each pixel is dimmed; as `average_drop`.

    100 max(0, p(x m) - p(x)) / (1 - p(x)), in percent; 0 where p(x) is 1. What p lacks to 1 is read
    from the logits: in float32 a probability is 1 from a logit of 17 on.

    Source: Zhang et al., Opti-CAM, CVIU 2024.
    """
    before, after = query.room_above_image(), query.room_above(_logits_of_masked(query, masked))
    return 100 * max(0.0, before - after) / before if before > 0 else 0.0


def masked_picture(query: NetworkQuery, masked: Masked) -> Tensor:
    """The picture dimmed by the map: (3, h, w)."""
    if masked == "mean":
        return query.image * query.scaled
    black = query.fill("black")
    return black + (query.image - black) * query.scaled


def _score_of_masked(query: NetworkQuery, masked: Masked) -> float:
    return float(query.read(_logits_of_masked(query, masked))[0])


def _logits_of_masked(query: NetworkQuery, masked: Masked) -> Tensor:
    """Logits (1, C) of the picture dimmed by the map."""
    ask: Callable[[], Tensor] = lambda: query.picture.ask(1, lambda _: masked_picture(query, masked)[None])  # noqa: E731
    return query.once(("masked", masked), ask)
