"""Does the map change when another class is asked about?"""

from __future__ import annotations

import torch

from ..interface import MetricPasses, explanation_metric
from ..query import ExplainedQuery
from .similarity import structural


@explanation_metric(
    "random_logit",
    label="Random logit",
    title="Random logit",
    words="How alike the map is to that of another class.",
    unit="correlation",
    bounds=(-1.0, 1.0),
    group="sanity",
    passes=lambda _: MetricPasses(runs=1),
)
def random_logit(query: ExplainedQuery) -> float:
    """Structural similarity of the raw map to that of a class drawn at random, the query's own left out.

    Methods that give all classes one map score 1, as those do that never look at the network. NaN for a
    network of one class.

    Source: Sixt et al., When Explanations Lie, ICML 2020.
    """
    if query.n_classes < 2:
        return float("nan")
    generator = torch.Generator().manual_seed(query.seen.seed)
    further = int(torch.randint(1, query.n_classes, (), generator=generator))
    other = query.run(query.image[None], (query.seen.class_index + further) % query.n_classes, signed=True)[0]
    return 1.0 if torch.equal(query.signed, other) else structural(query.signed, other)
