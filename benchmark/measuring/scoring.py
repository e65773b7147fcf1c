"""From the maps of a batch to rows of records: every metric reads the same map."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...attributions import BoundAttribution
from ...base import Size
from ...checkpoints import Card, ClassList
from ..loading import Batch, OnItsWay, Prepared, frame_of
from ..metrics import BoundMetric, Metric, SaliencyBatch
from ..results import STATUSES, write_integers
from ..suite import Protocol
from .asking import Asked
from .maps import normalise, prepare_saliency, status_of
from .refusals import (
    below_zero,
    check_shape,
    failures_told,
    refuse_negative,
    refuse_outside,
    sums_of,
    values_of,
)


@dataclass(frozen=True)
class Scores:
    """The scores of some images under one method.

    Attributes:
        saliency: (N, H, W) float32 at the size of the original images, one map per query, image by image;
            None once the maps were let go.
        numbers: (N, 4 + M) float64, on its way from the device: status, x, y, by how much the raw map falls
            below zero, and the value of each metric.
        sums: (N, K) int64 of each metric of the set.
        curves: for each query the texts of the curves that metrics keep; empty if nothing was asked.
        classes: words class indices.
        method: label of the method.
        metrics: those that have a value for each query, in the order of the values.
    """

    images: tuple[Prepared, ...]
    saliency: Tensor | None
    numbers: OnItsWay
    sums: tuple[OnItsWay, ...]
    curves: tuple[Sequence[str], ...]
    classes: ClassList
    method: str = ""
    metrics: tuple[Metric, ...] = ()

    def maps_of(self, image_id: str, classes: Collection[int] | None) -> Iterator[tuple[int, Tensor]]:
        """Yield the maps (H, W) of an image, if it is here, and their classes; None stands for the first."""
        rows = iter(self.saliency if self.saliency is not None else ())
        for image in self.images:
            for place, (class_index, saliency) in enumerate(
                zip(image.class_index.tolist(), rows, strict=False)
            ):
                wanted = class_index in classes if classes is not None else place == 0
                if image.image_id == image_id and wanted:
                    yield class_index, saliency

    def without_maps(self) -> Scores:
        """Return the scores with nothing but what `rows` needs."""
        return replace(self, saliency=None, images=tuple(image.without_pixels() for image in self.images))

    def rows(self) -> list[list[list[str]]]:
        """Word the rows of records.csv, image by image; waits for the numbers.

        Raises:
            RaybenchError: a map has negative values, or a value is no number or out of its metric's bounds.
        """
        numbers, rows = iter(self.numbers.fetch().tolist()), []
        for image in self.images:
            image_rows = []
            for class_index in image.class_index.tolist():
                status, x, y, low, *values = next(numbers)
                refuse_negative(self.method, low, image.image_id, class_index)
                for metric, value in zip(self.metrics, values, strict=True):
                    refuse_outside(metric, value, image.image_id, class_index)
                head = (
                    image.image_id,
                    str(class_index),
                    self.classes.ids[class_index],
                    STATUSES[int(status)],
                )
                image_rows.append([*head, str(int(x)), str(int(y)), *map(_number, values)])
            rows.append(image_rows)
        return rows

    def sum_rows(self) -> list[list[list[str]]]:
        """Word the rows of statistics.csv, image by image."""
        columns = [[write_integers(row) for row in one.fetch().tolist()] for one in self.sums]
        return self._with_queries(list(zip(*columns, strict=True)))

    def curve_rows(self) -> list[list[list[str]]]:
        """Word the rows of curves.csv, image by image."""
        return self._with_queries(self.curves)

    def _with_queries(self, cells: Sequence[Sequence[str]]) -> list[list[list[str]]]:
        left = iter(cells)
        return [
            [[image.image_id, str(class_index), *next(left)] for class_index in image.class_index.tolist()]
            for image in self.images
        ]


@dataclass(frozen=True)
class Scorer:
    """Scores maps by the metrics and rules of one run.

    Attributes:
        protocol: the rules.
        metrics: of the run; those of predictions are passed over.
        classes: words class indices.
        device: where maps are scored.
        card: of the network that made the maps.
    """

    protocol: Protocol
    metrics: Sequence[BoundMetric]
    classes: ClassList
    device: torch.device
    card: Card | None = None

    @functools.cached_property
    def asking(self) -> tuple[BoundMetric, ...]:
        """The metrics that ask the network or the method again."""
        return tuple(one for one in self.metrics if one.metric.asks_network)

    def score(
        self,
        method: BoundAttribution,
        batch: Batch,
        raw: Tensor | None = None,
        asked: Asked | None = None,
    ) -> Iterator[Scores]:
        """Score one method's maps of a batch, image size by image size.

        Args:
            method: which made the maps, or makes them here if it needs no network.
            batch: images and queries.
            raw: (N, h, w) the raw maps of a method that needs a network, one per query of the batch.
            asked: the values of the metrics that ask the network; without it they are missing.
        """
        if raw is not None:
            check_shape(method, raw, (len(batch.class_index),))
        for part in batch.by_size:
            queries, masks, near = part.on(self.device)
            seeds = tuple(seed for image in part.images for seed in image.seeds)
            ids = [image.image_id for image in part.images]
            if raw is None:
                with failures_told(f"attribution {method.label!r}", ids):
                    maps = method(masks, list(seeds))
                check_shape(method, maps, tuple(masks.shape))
                status = status_of(maps)
                saliency = normalise(maps, status)
            else:
                maps, smoothed = raw[queries], method.attribution.smoothed
                status = status_of(maps)
                frame = frame_of("whole", self.protocol, self.card)
                saliency = prepare_saliency(
                    maps, status, part.size, self.protocol, smoothed=smoothed, frame=frame
                )
            if method.attribution.middle and self.protocol.center == "exact":
                near = near_the_middle(masks, near, self.protocol.tolerance_px)
            given = SaliencyBatch(saliency, masks, near, seeds, part.boxes)
            columns = [status.double(), *_points(given, part.size), below_zero(maps).double()]
            sums = []
            for bound in self.metrics:
                metric = bound.metric
                if metric.asks_network:
                    columns.append(self._answers(bound, part.queries, asked).to(status.device))
                    continue
                if not metric.of_predictions:
                    with failures_told(f"metric {metric.name!r}", ids):
                        found = metric.function(given, **bound.options)
                if metric.per_query:
                    columns.append(values_of(metric, found, given))
                elif metric.of_set:
                    sums.append(OnItsWay(sums_of(metric, found, given)))
            numbers = torch.stack(columns, dim=1)
            curves = tuple(asked.curves[row] for row in part.queries.tolist()) if asked else ()
            yield Scores(
                images=part.images,
                saliency=saliency,
                numbers=OnItsWay(numbers),
                sums=tuple(sums),
                curves=curves,
                classes=self.classes,
                method=method.label,
                metrics=tuple(one.metric for one in self.metrics if one.metric.per_query),
            )

    def _answers(self, metric: BoundMetric, queries: Tensor, asked: Asked | None) -> Tensor:
        """Values (N,) float64 of a metric that asks again; NaN where it could not."""
        if asked is None:
            return torch.full((len(queries),), float("nan"), dtype=torch.float64)
        return asked.values[queries, self.asking.index(metric)]


def _points(batch: SaliencyBatch, size: Size) -> Tensor:
    """Return x and y of the peaks in images of a size: (2, N) float64; maps may be the images' middle."""
    top, left = (whole // 2 - seen // 2 for whole, seen in zip(size, batch.mask.shape[1:], strict=True))
    return (batch.points + torch.tensor([left, top], device=batch.mask.device)).double().T


def near_the_middle(masks: Tensor, near: Tensor, tolerance_px: float) -> Tensor:
    """Return `near` (N, H, W) with the middle pixel's value that of the exact middle, at (H / 2, W / 2)."""
    rows, columns = (torch.arange(length, device=masks.device) - length / 2 for length in masks.shape[1:])
    reached = (rows[:, None] ** 2 + columns**2).sqrt() < tolerance_px
    near = near.clone()
    near[:, near.shape[1] // 2, near.shape[2] // 2] = (masks & reached).flatten(1).any(dim=1)
    return near


def _number(value: float) -> str:
    """Write a value with ten significant digits, a missing one as nothing.

    More than a float32 map determines, fewer than summation in another order would disturb.
    """
    return "" if math.isnan(value) else format(value, ".10g")
