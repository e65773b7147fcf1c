"""Does the method still say the same when it sees only what its map shows?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..interface import MetricPasses, explanation_metric
from ..query import ExplainedQuery
from .drop import Masked, average_drop, masked_picture


def _passes(_options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses(runs=1, shares="the masked picture")


@explanation_metric(
    "coherency",
    label="Coherency",
    title="Coherency",
    words="How alike the map is to that of the picture dimmed by it.",
    unit="percent",
    bounds=(0.0, 100.0),
    group="faithfulness",
    higher_is_better=True,
    passes=_passes,
)
def coherency(query: ExplainedQuery, *, masked: Masked = "mean") -> float:
    """Pearson's correlation of the raw maps of the picture and of the dimmed one, from 0 (-1) to 100 (1).

    A constant map correlates with nothing: 50.

    Args:
        query: picture, map and method.
        masked: what pixels are dimmed to, see `average_drop`.

    Source: Poppi et al., Revisiting the Evaluation of Class Activation Mapping, CVPR workshops 2021.
    """

    def find() -> float:
        again = query.explain(masked_picture(query.seen, masked)[None])[0]
        maps = [one.double().flatten() for one in (query.original, again)]
        if any(not one.isfinite().all() or one.max() == one.min() for one in maps):
            return 50.0
        return 50 * (1 + float(torch.corrcoef(torch.stack(maps))[0, 1].clamp(-1, 1)))

    return query.once(("coherency", masked), find)


@explanation_metric(
    "adcc",
    label="ADCC",
    title="Average drop, coherency, complexity",
    words="Whether the map keeps the class, says the same of what it shows, and shows little, all in one.",
    unit="percent",
    bounds=(0.0, 100.0),
    group="faithfulness",
    higher_is_better=True,
    passes=lambda _: MetricPasses(runs=1, forwards=1, forwards_per_image=1, shares="the masked picture"),
)
def adcc(query: ExplainedQuery, *, masked: Masked = "mean") -> float:
    """Harmonic mean of coherency, 100 - mean of the map from 0 to 100, and 100 - average drop, of the query.

    0 where any of the three is 0. Arguments and source as for `coherency`.
    """
    drop = average_drop(query.seen, masked=masked)
    parts = [
        coherency(query, masked=masked),
        100 * (1 - float(query.seen.scaled.double().mean())),
        100 - drop,
    ]
    return 3 / sum(1 / part for part in parts) if min(parts) > 0 else 0.0
