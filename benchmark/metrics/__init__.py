"""How saliency maps and predictions are scored: one file per family of metrics.

A new metric is one function in its family's file, its registration (see `interface`), and its import here.
"""

from .batch import SaliencyBatch, sum_pixels
from .classification import f1_overall, f1_per_class, top1_accuracy, top5_accuracy
from .complexity import effective_complexity, entropy, sparseness
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
from .localisation.boxes import box_localisation, max_box_accuracy, max_box_accuracy_v1
from .localisation.heatmap import content_heatmap
from .localisation.overlap import best_iou, iou_at_mean, mean_iou, pixel_accuracy
from .localisation.points import pointing_game, stochastic_pointing_game
from .localisation.pooled import pxap
from .localisation.ranking import (
    pixel_auroc,
    pixel_average_precision,
    relevance_rank_accuracy,
    top_k_intersection,
)
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
    "best_iou",
    "bind_metric",
    "box_localisation",
    "classification_metric",
    "content_heatmap",
    "deletion",
    "effective_complexity",
    "entropy",
    "explanation_metric",
    "f1_overall",
    "f1_per_class",
    "insertion",
    "iou_at_mean",
    "localisation_metric",
    "map_metric",
    "max_box_accuracy",
    "max_box_accuracy_v1",
    "max_sensitivity",
    "mean_iou",
    "network_metric",
    "pixel_accuracy",
    "pixel_auroc",
    "pixel_average_precision",
    "pointing_game",
    "pxap",
    "relevance_rank_accuracy",
    "set_metric",
    "sparseness",
    "stochastic_pointing_game",
    "sum_pixels",
    "top1_accuracy",
    "top5_accuracy",
    "top_k_intersection",
]
