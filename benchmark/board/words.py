"""The plain words in which the page explains metrics, methods and kinds of training."""

from __future__ import annotations

import math

from ...attributions import ATTRIBUTIONS
from ...base import RaybenchError
from ..metrics import METRICS
from ..results import Column, Score

__all__ = [
    "AGGREGATES",
    "architecture_name",
    "interval_text",
    "method_words",
    "metric_title",
    "metric_words",
]

_METRICS = {
    "top1_accuracy": ("Top-1 accuracy", "How often the network's first guess is the right class."),
    "top5_accuracy": (
        "Top-5 accuracy",
        "How often the right class is among the network's first five guesses.",
    ),
    "f1_per_class": (
        "F1 per class",
        "How well the network tells which classes are in a picture: F1 of each class, averaged.",
    ),
    "f1_overall": (
        "F1 overall",
        "How well the network tells which classes are in a picture: one F1 over all its decisions.",
    ),
    "pointing_game": (
        "Pointing game",
        "How often the hottest pixel of the map hits the object, give or take a few pixels.",
    ),
    "stochastic_pointing_game": (
        "Stochastic pointing game",
        "How often a pixel hits the object when it is drawn at random, hot pixels more often than cold ones.",
    ),
    "content_heatmap": ("Content heatmap", "How much of the map's heat lies on the object itself."),
    "pointing_game_difficult": (
        "Pointing game, difficult queries",
        "The pointing game on small objects beside objects of other classes only.",
    ),
}

AGGREGATES = {
    "class_mean": "mean over classes",
    "query_mean": "mean over queries",
    "image_mean": "mean over images",
}
"""In words, by the name in summary.csv; published numbers do not always say theirs."""


def metric_title(column: Column) -> str:
    """Return the whole name of a metric."""
    return _METRICS.get(column.metric, (column.label, ""))[0]


def metric_words(column: Column) -> str:
    """Say in one sentence what a metric tells; for metrics of extensions, what their author says."""
    if column.metric in _METRICS:
        return _METRICS[column.metric][1]
    try:
        return METRICS.get(column.metric).summary
    except RaybenchError:
        return ""


def method_words(method: str) -> str:
    """Say in one sentence how a method makes its maps; empty if it is not installed here."""
    try:
        return ATTRIBUTIONS.get(method).summary
    except RaybenchError:
        return ""


def interval_text(score: Score) -> str:
    """Write an interval with as many digits as its width needs; empty if it is unknown."""
    if math.isnan(score.low) or math.isnan(score.high):
        return ""
    digits = 1 if score.high - score.low >= 1 else 2
    return f"{score.low:.{digits}f}\N{EN DASH}{score.high:.{digits}f}"


def architecture_name(architecture: str) -> str:
    """Return the last part of an architecture's name: of `package.module:function`, the function."""
    return architecture.rpartition(":")[2]
