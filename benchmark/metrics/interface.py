"""What a metric is: a registered function from saliency maps, or from predictions, to one value each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base import CodeFiles, Registry, check_options, options_of

__all__ = [
    "METRICS",
    "Aggregate",
    "BoundMetric",
    "Metric",
    "PredictionBatch",
    "SaliencyBatch",
    "View",
    "bind_metric",
    "classification_metric",
    "localisation_metric",
    "sum_pixels",
]

Aggregate = Literal["class_mean", "query_mean", "image_mean"]
View = Literal["crop", "square"]


@dataclass(frozen=True)
class SaliencyBatch:
    """Saliency maps of N queries on images of one size, with their ground truth.

    Attributes:
        saliency: (N, H, W) float32, non-negative, finite; each map sums to 1 within rounding.
        mask: (N, H, W) bool, the region of each query.
        near: (N, H, W) bool, pixels strictly closer to the region than the protocol's tolerance.
        seeds: N integers that depend on the suite's seed and the query alone, for metrics that sample.

    What several metrics need (the sum, the most salient pixel) is computed once.
    """

    saliency: Tensor
    mask: Tensor
    near: Tensor
    seeds: tuple[int, ...] = ()

    @functools.cached_property
    def total(self) -> Tensor:
        """Sum of each map: (N,) float64."""
        return sum_pixels(self.saliency)

    @functools.cached_property
    def peak(self) -> Tensor:
        """Flat row-major index of the most salient pixel, the first on ties: (N,) int64."""
        # the largest of each row is found ten times faster than a position in the whole map
        row = self.saliency.amax(dim=2).max(dim=1).indices
        best_rows = self.saliency[torch.arange(len(row), device=row.device), row]
        return row * self.saliency.shape[2] + best_rows.max(dim=1).indices

    @property
    def points(self) -> Tensor:
        """Pixel (x, y) of the peak: (N, 2) int64."""
        width = self.saliency.shape[2]
        return torch.stack((self.peak % width, self.peak // width), dim=1)

    def share(self, where: Tensor) -> Tensor:
        """Percentage of each map's saliency that lies in `where` (N, H, W) bool: (N,) float64."""
        inside = where.view(torch.uint8).float()  # ten times faster than a product with truth values
        return 100 * (sum_pixels(inside.mul_(self.saliency)) / self.total)


def sum_pixels(maps: Tensor) -> Tensor:
    """Sum maps (N, H, W) over pixels: (N,) float64.

    Rows are summed in float32, which is ten times faster than in float64, and their sums in float64: a row
    is short, so the result keeps seven digits, and no thread ever splits a row, so that it is the same for
    any number of threads.
    """
    return maps.sum(dim=2).sum(dim=1, dtype=torch.float64)


@dataclass(frozen=True)
class PredictionBatch:
    """What a network predicted for B images, beside what they show.

    Attributes:
        image_ids: B names, for messages.
        targets: (B, C) bool, classes that are present.
        ranking: (B, 5) int64, class indices by descending logit; -1 where there is none.
        positives: (B, C) bool, classes with a logit above 0.
    """

    image_ids: tuple[str, ...]
    targets: NDArray[np.bool_]
    ranking: NDArray[np.int64]
    positives: NDArray[np.bool_]


@dataclass(frozen=True)
class Metric:
    """One registered metric and what tables need to know about it.

    Attributes:
        kind: `localisation` metrics read saliency maps, `classification` metrics read predictions.
        aggregates: how values become one number, the one to quote first.
        label: heading in tables.
        bounds: smallest and largest value, in percent.
        compute: for classification metrics, the value of summed statistics; see `classification_metric`.
        view: for classification metrics, the input that the network sees: the protocol's centre `crop`, or
            the whole image squeezed into a `square`.
        multilabel: for classification metrics, whether images hold several classes, or exactly one.
    """

    name: str
    function: Callable[..., Any]
    kind: Literal["localisation", "classification"]
    aggregates: tuple[Aggregate, ...]
    label: str
    higher_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 100.0)
    compute: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    view: View | None = None
    multilabel: bool = False

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def options(self) -> Mapping[str, Any]:
        """Keyword options a suite may set, with their defaults."""
        return options_of(self.function)


@dataclass(frozen=True)
class BoundMetric:
    """A metric with its options fixed."""

    metric: Metric
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *args: Any) -> Any:
        """Call the metric with its positional arguments and the bound options."""
        return self.metric.function(*args, **self.options)


METRICS: Registry[Metric] = Registry("metric", "raybench.metrics")


def localisation_metric(
    name: str, *, label: str, aggregates: tuple[Aggregate, ...] = ("query_mean",)
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register `function(batch: SaliencyBatch, *, ...) -> values` as the metric `name`.

    `values` is (N,) float64, in percent, one per query. Keyword-only parameters are options of a suite.
    """

    def register(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        METRICS.add(Metric(name, function, "localisation", aggregates, label))
        return function

    return register


Statistics = Callable[[PredictionBatch], NDArray[np.float64]]


def classification_metric(
    name: str,
    *,
    label: str,
    aggregate: Aggregate,
    compute: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    view: View = "crop",
    multilabel: bool = False,
) -> Callable[[Statistics], Statistics]:
    """Register `function(batch: PredictionBatch) -> statistics` as the metric `name`.

    `statistics` is (B, K) float64, one row per image, such that the sum over any images is sufficient:
    `compute` turns sums (..., K) into values (...), in percent. Batches, processes and bootstrap resamples
    then agree by construction.
    """

    def register(function: Statistics) -> Statistics:
        METRICS.add(
            Metric(
                name,
                function,
                "classification",
                (aggregate,),
                label,
                compute=compute,
                view=view,
                multilabel=multilabel,
            )
        )
        return function

    return register


def bind_metric(
    name: str, options: Mapping[str, Any] | None = None, *, code: CodeFiles | None = None
) -> BoundMetric:
    """Look up the metric `name` and fix its options.

    Args:
        name: a registered metric, or a function in a file: `mine.py:my_metric`, of saliency maps unless it is
            registered as something else.
        options: by name.
        code: where files are looked for; by default they may not run.

    Raises:
        UnknownNameError: no such metric.
        RaybenchError: an option that the metric does not have, or of another type.
    """
    metric = (code or CodeFiles()).find(METRICS, name, _plain_metric)
    check_options(f"metric {name!r}", metric.function, options or {})
    return BoundMetric(metric, dict(options or {}))


def _plain_metric(name: str, function: Callable[..., Any]) -> Metric:
    label = name.rpartition(":")[2]
    return Metric(label, function, "localisation", ("query_mean",), label)
