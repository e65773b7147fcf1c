"""Does the map add up to what the network says?"""

from __future__ import annotations

from ..interface import MetricPasses, explanation_metric
from ..query import ExplainedQuery

_LEAST = 1e-6


@explanation_metric(
    "completeness_gap",
    label="Compl. gap",
    title="Completeness gap",
    words="How far the map's sum is from what the class's logit gains over the baseline picture.",
    group="faithfulness",
    passes=lambda _: MetricPasses(forwards_per_image=2),
)
def completeness_gap(query: ExplainedQuery) -> float:
    """Distance of the raw map's sum from y(x) - y(x0), as a share of the latter; y is the logit.

    |sum of the map - (y(x) - y(x0))| / max(|y(x) - y(x0)|, 1e-6). Only methods whose option `baseline` names
    a picture x0, and whose maps keep their sign, promise to add up: NaN for all others.

    Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017.
    """
    if query.baseline is None:
        return float("nan")
    seen = query.seen
    gained = seen.score_of_image(logits=True) - seen.score_of_fill(query.baseline, logits=True)
    return abs(float(query.signed.double().sum()) - gained) / max(abs(gained), _LEAST)
