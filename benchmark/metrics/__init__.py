"""How saliency maps and predictions are scored: one file per family of metrics.

A new metric is one function in its family's file, and its registration (see `interface`); a new file is
imported where its room begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base import functions_of
from . import classification, complexity, faithfulness, localisation, robustness, sanity  # noqa: F401
from .batch import SaliencyBatch, sum_pixels
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
from .query import Curve, ExplainedQuery, Fill, Forgotten, NetworkQuery, Picture

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

if not TYPE_CHECKING:
    __getattr__ = functions_of(METRICS, __name__)  # such as `raybench.benchmark.metrics.pixel_auroc`
