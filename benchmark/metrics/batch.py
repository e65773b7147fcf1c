"""Maps with their ground truth, as localisation, map and set metrics read them."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...base import Box


class Ranked(NamedTuple):
    """Pixels of maps as a falling threshold takes them in: all that are equally salient at once.

    Attributes:
        hits: (N, P) int64, pixels of the region among the i + 1 most salient ones.
        ends: (N, P) bool, whether a threshold ends behind that pixel.
    """

    hits: Tensor
    ends: Tensor

    @property
    def found(self) -> Tensor:
        """How many pixels were taken in: (1, P) int64."""
        return torch.arange(1, self.hits.shape[1] + 1, device=self.hits.device)[None]

    def before(self, counts: Tensor) -> Tensor:
        """What `counts` (N, P), which never fall, were at the end of the threshold before; 0 at first."""
        at_ends = torch.where(self.ends, counts, 0).cummax(dim=1).values
        return torch.cat([torch.zeros_like(at_ends[:, :1]), at_ends[:, :-1]], dim=1)


@dataclass(frozen=True)
class SaliencyBatch:
    """Saliency maps of N queries on images of one size, with their ground truth.

    Attributes:
        saliency: (N, H, W) float32, non-negative, finite; each map sums to 1 within rounding.
        mask: (N, H, W) bool, the region of each query.
        near: (N, H, W) bool, pixels strictly closer to the region than the protocol's tolerance.
        boxes: of the objects of each query, in the order of the annotation; empty where they are not known.
        seeds: N integers that depend on the suite's seed and the query alone, for metrics that sample.

    What several metrics need (the sum, the most salient pixel) is computed once.
    """

    saliency: Tensor
    mask: Tensor
    near: Tensor
    seeds: tuple[int, ...] = ()
    boxes: tuple[tuple[Box, ...], ...] = ()

    @functools.cached_property
    def remembered(self) -> dict[Hashable, Tensor]:
        """What metrics found that others may ask for again, by what it is and its options."""
        return {}

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

    @property
    def pixels(self) -> Tensor:
        """How many pixels each region has: (N,) int64."""
        return self.mask.flatten(1).sum(dim=1)

    @functools.cached_property
    def ascending(self) -> Tensor:
        """The values of each map in ascending order: (N, P) float32."""
        return self.saliency.flatten(1).sort(dim=1).values

    @functools.cached_property
    def ranked(self) -> Ranked:
        """The pixels of each map in descending order."""
        values, order = self.saliency.flatten(1).sort(dim=1, descending=True)
        hits = self.mask.flatten(1).gather(1, order).cumsum(dim=1)
        ends = torch.ones_like(values, dtype=torch.bool)
        ends[:, :-1] = values[:, 1:] < values[:, :-1]
        return Ranked(hits, ends)

    @functools.cached_property
    def above_mean(self) -> Tensor:
        """Which pixels are more salient than their map's mean: (N, H, W) bool; none of a constant map."""
        low = self.saliency.flatten(1).amin(dim=1)[:, None, None]
        rest = self.saliency - low  # so that no rounding lifts a constant map above its own mean
        mean = sum_pixels(rest) / rest[0].numel()
        return rest.double() > mean[:, None, None]

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
