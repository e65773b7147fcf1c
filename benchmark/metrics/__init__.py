"""How saliency maps and predictions are scored: one file per family of metrics.

A new metric is one function in its family's file, its registration (see `interface`), and its import here.
"""

from .batch import SaliencyBatch, sum_pixels
from .classification import f1_overall, f1_per_class, top1_accuracy, top5_accuracy
from .complexity import sparseness
from .faithfulness import deletion, insertion
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
from .localisation.heatmap import content_heatmap
from .localisation.points import pointing_game, stochastic_pointing_game
from .localisation.pooled import pxap
from .query import Curve, ExplainedQuery, Fill, NetworkQuery
from .robustness import max_sensitivity

__all__ = [
    "METRICS",
    "BoundMetric",
    "Curve",
    "ExplainedQuery",
    "Fill",
    "Metric",
    "MetricPasses",
    "NetworkQuery",
    "SaliencyBatch",
    "bind_metric",
    "classification_metric",
    "content_heatmap",
    "deletion",
    "explanation_metric",
    "f1_overall",
    "f1_per_class",
    "insertion",
    "localisation_metric",
    "map_metric",
    "max_sensitivity",
    "network_metric",
    "pointing_game",
    "pxap",
    "set_metric",
    "sparseness",
    "stochastic_pointing_game",
    "sum_pixels",
    "top1_accuracy",
    "top5_accuracy",
]
