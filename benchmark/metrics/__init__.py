"""How saliency maps and predictions are scored: one file per metric."""

from .classification import f1_overall, f1_per_class, top1_accuracy, top5_accuracy
from .content_heatmap import content_heatmap
from .interface import (
    METRICS,
    Aggregate,
    BoundMetric,
    Metric,
    PredictionBatch,
    SaliencyBatch,
    bind_metric,
    classification_metric,
    localisation_metric,
    sum_pixels,
)
from .pointing_game import pointing_game
from .stochastic_pointing_game import stochastic_pointing_game

__all__ = [
    "METRICS",
    "Aggregate",
    "BoundMetric",
    "Metric",
    "PredictionBatch",
    "SaliencyBatch",
    "bind_metric",
    "classification_metric",
    "content_heatmap",
    "f1_overall",
    "f1_per_class",
    "localisation_metric",
    "pointing_game",
    "stochastic_pointing_game",
    "sum_pixels",
    "top1_accuracy",
    "top5_accuracy",
]
