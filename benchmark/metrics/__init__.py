"""How saliency maps and predictions are scored: one file per family of metrics.

A new metric is one function in its family's file, its registration (see `interface`), and its import here.
"""

from .batch import SaliencyBatch, sum_pixels
from .binding import BoundMetric, bind_metric
from .classification import f1_overall, f1_per_class, top1_accuracy, top5_accuracy
from .complexity import effective_complexity, entropy, sparseness
from .faithfulness.coherency import adcc, coherency
from .faithfulness.completeness import completeness_gap
from .faithfulness.deletion import deletion, insertion, symmetric_relevance_gain
from .faithfulness.drop import average_drop, average_gain, increase_in_confidence
from .faithfulness.flipping import pixel_flipping
from .faithfulness.road import road
from .faithfulness.subsets import faithfulness_correlation, infidelity, sensitivity_n
from .interface import (
    METRICS,
    Metric,
    MetricPasses,
    classification_metric,
    explanation_metric,
    localisation_metric,
    map_metric,
    network_metric,
    set_metric,
)
from .localisation.boxes import (
    box_localisation,
    max_box_accuracy,
    max_box_accuracy_cross_fitted,
    max_box_accuracy_v1,
)
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
from .query import Curve, ExplainedQuery, Fill, Forgotten, NetworkQuery, Picture
from .robustness import average_sensitivity, local_lipschitz, max_sensitivity
from .sanity.random_logit import random_logit
from .sanity.randomisation import (
    efficient_parameter_randomisation,
    parameter_randomisation,
    smooth_parameter_randomisation,
)

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
    "adcc",
    "average_drop",
    "average_gain",
    "average_sensitivity",
    "best_iou",
    "bind_metric",
    "box_localisation",
    "classification_metric",
    "coherency",
    "completeness_gap",
    "content_heatmap",
    "deletion",
    "effective_complexity",
    "efficient_parameter_randomisation",
    "entropy",
    "explanation_metric",
    "f1_overall",
    "f1_per_class",
    "faithfulness_correlation",
    "increase_in_confidence",
    "infidelity",
    "insertion",
    "iou_at_mean",
    "local_lipschitz",
    "localisation_metric",
    "map_metric",
    "max_box_accuracy",
    "max_box_accuracy_cross_fitted",
    "max_box_accuracy_v1",
    "max_sensitivity",
    "mean_iou",
    "network_metric",
    "parameter_randomisation",
    "pixel_accuracy",
    "pixel_auroc",
    "pixel_average_precision",
    "pixel_flipping",
    "pointing_game",
    "pxap",
    "random_logit",
    "relevance_rank_accuracy",
    "road",
    "sensitivity_n",
    "set_metric",
    "smooth_parameter_randomisation",
    "sparseness",
    "stochastic_pointing_game",
    "sum_pixels",
    "symmetric_relevance_gain",
    "top1_accuracy",
    "top5_accuracy",
    "top_k_intersection",
]
