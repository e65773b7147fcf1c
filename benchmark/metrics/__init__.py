"""How saliency maps and predictions are scored: one file per family of metrics.

A new metric is one function in its family's file, and its registration (see `interface`); a new file is
imported here, by which its metrics are registered.
"""

from . import classification, complexity, robustness  # noqa: F401
from .batch import SaliencyBatch, sum_pixels
from .faithfulness import coherency, completeness, deletion, drop, flipping, road, subsets  # noqa: F401
from .interface import (
    METRICS,
    BoundMetric,
    Metric,
    MetricPasses,
    bind_metric,
    classification_metric,
    explanation_metric,
    localisation_metric,
    map_metric,
    network_metric,
    set_metric,
)
from .localisation import boxes, overlap, points, pooled, ranking  # noqa: F401
from .query import Curve, ExplainedQuery, Fill, Forgotten, NetworkQuery, Picture
from .sanity import randomisation  # noqa: F401

__all__ = [
    "METRICS",
    "BoundMetric",
    "Curve",
    "ExplainedQuery",
    "Fill",
    "Forgotten",
    "Metric",
    "MetricPasses",
    "NetworkQuery",
    "Picture",
    "SaliencyBatch",
    "bind_metric",
    "classification_metric",
    "explanation_metric",
    "localisation_metric",
    "map_metric",
    "network_metric",
    "set_metric",
    "sum_pixels",
]
