"""From the maps of a batch to rows of records: every metric reads the same map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..attributions import BoundAttribution
from ..checkpoints.classes import ClassList
from ..errors import RaybenchError
from .datasets import Point, Size
from .metrics import BoundMetric, SaliencyBatch
from .preparation import Prepared
from .protocol import Protocol
from .saliency import STATUSES, normalise, prepare_saliency, status_of

__all__ = ["Batch", "Scorer", "Scores"]


@dataclass(frozen=True)
class Batch:
    """Images that go through the network together: equal in input size, not in original size."""

    images: tuple[Prepared, ...]

    @property
    def image_index(self) -> Tensor:
        """Row of `images` that each query asks about: (N,) int64."""
        counts = torch.tensor([len(image.class_index) for image in self.images])
        return torch.arange(len(self.images)).repeat_interleave(counts)

    @property
    def class_index(self) -> Tensor:
        """Class that each query asks about: (N,) int64."""
        return torch.from_numpy(np.concatenate([image.class_index for image in self.images]))

    def by_size(self) -> Iterator[tuple[Size, list[int], Tensor]]:
        """Yield each original size with the positions of its images and the rows of their queries."""
        positions: dict[Size, list[int]] = defaultdict(list)
        for position, image in enumerate(self.images):
            if len(image.class_index):
                positions[image.size].append(position)
        for size, chosen in positions.items():
            yield size, chosen, torch.isin(self.image_index, torch.tensor(chosen)).nonzero().squeeze(1)


@dataclass(frozen=True)
class Scores:
    """The rows of one image under one method, and its maps for thumbnails.

    Attributes:
        rows: one per query, in the order of the columns of records.csv.
        saliency: (K, H, W) float32 at the size of the original image, or None for methods without a map.
        degenerate: number of queries whose map is not `ok`.
    """

    image: Prepared
    rows: list[list[str]]
    saliency: Tensor | None
    degenerate: int


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
        for size, positions, queries in batch.by_size():
            images = [batch.images[position] for position in positions]
            raw = maps[queries.to(maps.device)]
            status = status_of(raw)
            smoothed = attribution.attribution.smoothed
            saliency = prepare_saliency(raw, status, size, self.protocol, smoothed=smoothed)
            yield from self._score(images, saliency, status)

    def score_dense(self, attribution: BoundAttribution, image: Prepared) -> Iterator[Scores]:
        """Score a method that needs the image's masks and seeds but no network."""
        assert image.masks is not None
        if len(image.class_index):
            raw = attribution(torch.from_numpy(image.masks).to(self.device), list(image.seeds))
            _check_maps(attribution, raw, image.masks.shape)
            status = status_of(raw)
            yield from self._score([image], normalise(raw, status), status)

    def score_points(self, attribution: BoundAttribution, batch: Batch) -> Iterator[Scores]:
        """Score a method that puts all saliency on one pixel.

        Such a map is zero everywhere else, so each metric may look at that pixel alone: an image of 1 x 1.
        """
        images = [image for image in batch.images if len(image.class_index)]
        if not images:
            return
        points = [Point(*map(int, attribution(*image.size))) for image in images]
        windows = [
            image.at(point, self.protocol.tolerance_px) for image, point in zip(images, points, strict=True)
        ]
        mask, near = (torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*windows, strict=True))
        values = self._values(SaliencyBatch(torch.ones(mask.shape), mask, near, _seeds(images)))
        counts = [len(image.class_index) for image in images]
        rows = self._rows(images, ["ok"] * sum(counts), np.repeat(np.array(points), counts, axis=0), values)
        for image, image_rows in zip(images, rows, strict=True):
            yield Scores(image, image_rows, None, 0)

    def _score(self, images: Sequence[Prepared], saliency: Tensor, status: Tensor) -> Iterator[Scores]:
        batch = SaliencyBatch(
            saliency, self._stack(images, "masks"), self._stack(images, "near"), _seeds(images)
        )
        names = [STATUSES[code] for code in status.tolist()]
        rows = self._rows(images, names, batch.points.cpu().numpy(), self._values(batch))
        start = 0
        for image, image_rows in zip(images, rows, strict=True):
            stop = start + len(image_rows)
            degenerate = sum(name != "ok" for name in names[start:stop])
            yield Scores(image, image_rows, saliency[start:stop], degenerate)
            start = stop

    def _stack(self, images: Sequence[Prepared], name: str) -> Tensor:
        arrays = [getattr(image, name) for image in images]
        joined = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        return torch.from_numpy(joined).to(self.device, non_blocking=True)

    def _values(self, batch: SaliencyBatch) -> list[list[float]]:
        """Value of each metric for each query: rows are queries."""
        if not self.metrics:
            return [[] for _ in range(len(batch.saliency))]
        return torch.stack([metric(batch).double() for metric in self.metrics], dim=1).tolist()

    def _rows(
        self,
        images: Sequence[Prepared],
        status: Sequence[str],
        points: np.ndarray,
        values: Sequence[Sequence[float]],
    ) -> list[list[list[str]]]:
        """Word the rows, image by image."""
        rows, start = [], 0
        for image in images:
            image_rows = []
            for offset, class_index in enumerate(image.class_index.tolist()):
                x, y = points[start + offset].tolist()
                head = [
                    image.image_id,
                    str(class_index),
                    self.classes.ids[class_index],
                    status[start + offset],
                ]
                image_rows.append([*head, str(x), str(y), *map(_number, values[start + offset])])
            start += len(image_rows)
            rows.append(image_rows)
        return rows


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
