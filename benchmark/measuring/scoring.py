"""From the maps of a batch to rows of records: every metric reads the same map."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...attributions import BoundAttribution
from ...base import Point, RaybenchError
from ...checkpoints import ClassList
from ..loading import Batch, OnItsWay, Prepared
from ..metrics import BoundMetric, SaliencyBatch
from ..results import STATUSES
from ..suite import Protocol
from .maps import normalise, prepare_saliency, status_of

__all__ = ["Scorer", "Scores"]


@dataclass(frozen=True)
class Scores:
    """The scores of some images under one method.

    Attributes:
        saliency: (N, H, W) float32 at the size of the original images, one map per query, image by image; or
            None for methods without a map.
        numbers: (N, 3 + M) float64, on its way from the device: status, x, y, and the value of each metric.
        classes: words class indices.
    """

    images: tuple[Prepared, ...]
    saliency: Tensor | None
    numbers: OnItsWay
    classes: ClassList

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
        """Word the rows of records.csv, image by image; waits for the numbers."""
        numbers, rows = iter(self.numbers.fetch().tolist()), []
        for image in self.images:
            image_rows = []
            for class_index in image.class_index.tolist():
                status, x, y, *values = next(numbers)
                head = (
                    image.image_id,
                    str(class_index),
                    self.classes.ids[class_index],
                    STATUSES[int(status)],
                )
                image_rows.append([*head, str(int(x)), str(int(y)), *map(_number, values)])
            rows.append(image_rows)
        return rows


class Scorer:
    """Scores maps by the metrics and rules of one run."""

    def __init__(
        self, protocol: Protocol, metrics: Sequence[BoundMetric], classes: ClassList, device: torch.device
    ) -> None:
        """Score under `protocol` by the localisation metrics among `metrics`, on `device`."""
        self.protocol = protocol
        self.metrics = [metric for metric in metrics if metric.metric.kind == "localisation"]
        self.classes = classes
        self.device = device

    def score_maps(self, attribution: BoundAttribution, maps: Tensor, batch: Batch) -> Iterator[Scores]:
        """Score raw maps (N, h, w) of a network method, one per query of the batch."""
        _check_maps(attribution, maps, (len(batch.class_index),))
        for part in batch.by_size:
            queries, masks, near = part.on(self.device)
            raw = maps[queries]
            status = status_of(raw)
            smoothed = attribution.attribution.smoothed
            saliency = prepare_saliency(raw, status, part.size, self.protocol, smoothed=smoothed)
            yield self._score(part.images, SaliencyBatch(saliency, masks, near, _seeds(part.images)), status)

    def score_dense(self, attribution: BoundAttribution, batch: Batch) -> Iterator[Scores]:
        """Score a method that needs the images' masks and seeds but no network."""
        for part in batch.by_size:
            _, masks, near = part.on(self.device)
            seeds = _seeds(part.images)
            raw = attribution(masks, list(seeds))
            _check_maps(attribution, raw, tuple(masks.shape))
            status = status_of(raw)
            saliency = normalise(raw, status)
            yield self._score(part.images, SaliencyBatch(saliency, masks, near, seeds), status)

    def score_points(self, attribution: BoundAttribution, batch: Batch) -> Iterator[Scores]:
        """Score a method that puts all saliency on one pixel.

        Such a map is zero everywhere else, so each metric may look at that pixel alone: an image of 1 x 1.
        """
        images = tuple(image for image in batch.images if len(image.class_index))
        if not images:
            return
        points = [Point(*map(int, attribution(*image.size))) for image in images]
        windows = [
            image.at(point, self.protocol.tolerance_px) for image, point in zip(images, points, strict=True)
        ]
        mask, near = (torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*windows, strict=True))
        values = self._values(SaliencyBatch(torch.ones(mask.shape), mask, near, _seeds(images)))
        counts = torch.tensor([len(image.class_index) for image in images])
        at = torch.tensor(points).repeat_interleave(counts, dim=0)
        status = torch.zeros((len(at), 1))
        numbers = torch.cat([status.double(), at.double(), values], dim=1)
        yield Scores(images, None, OnItsWay(numbers), self.classes)

    def _score(self, images: tuple[Prepared, ...], batch: SaliencyBatch, status: Tensor) -> Scores:
        numbers = torch.cat([status[:, None].double(), batch.points.double(), self._values(batch)], dim=1)
        return Scores(images, batch.saliency, OnItsWay(numbers), self.classes)

    def _values(self, batch: SaliencyBatch) -> Tensor:
        """Value of each metric for each query: (N, M) float64."""
        values = [metric(batch).double() for metric in self.metrics]
        if not values:
            return torch.zeros((len(batch.saliency), 0), dtype=torch.float64, device=batch.saliency.device)
        return torch.stack(values, dim=1)


def _check_maps(attribution: BoundAttribution, maps: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse what a method returned unless its shape is (N, h, w) and begins with `shape`."""
    if maps.ndim != 3 or tuple(maps.shape[: len(shape)]) != shape:
        expected = ", ".join(map(str, shape)) + (", h, w" if len(shape) == 1 else "")
        raise RaybenchError(
            f"attribution {attribution.label!r} returned maps {tuple(maps.shape)}; expected ({expected})"
        )


def _seeds(images: Sequence[Prepared]) -> tuple[int, ...]:
    return tuple(seed for image in images for seed in image.seeds)


def _number(value: float) -> str:
    """Write a value with ten significant digits.

    More than a float32 map determines, fewer than summation in another order would disturb.
    """
    return format(value, ".10g")
