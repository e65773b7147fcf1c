"""Gives metrics that ask the network or the method again what they ask for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ...attributions import BoundAttribution, forward_pass, generator, in_chunks
from ...base import Size
from ...checkpoints import Network
from ..loading import Batch
from ..metrics import BoundMetric, Curve, ExplainedQuery, Fill, Forgotten, NetworkQuery, Picture
from ..results import write_numbers
from ..suite import Protocol
from .maps import prepare_saliency, signed_saliency, status_of
from .randomising import RandomisedCopy, randomised_copy
from .refusals import failures_told

_PIXELS_AT_ONCE = 32 * 224 * 224


@dataclass(frozen=True)
class Asked:
    """What metrics of the network and of the explanation found about the queries of a batch.

    Attributes:
        values: (N, A) float64 on the CPU, in the order of the metrics that ask; NaN where not defined.
        curves: for each query the text of the curve of each metric that keeps one.
    """

    values: Tensor
    curves: Sequence[Sequence[str]]


def ask_again(
    metrics: Sequence[BoundMetric],
    explained: Sequence[tuple[BoundAttribution, Tensor]],
    network: Network,
    images: Tensor,
    batch: Batch,
    protocol: Protocol,
    seed: int,
) -> list[Asked]:
    """Compute the metrics that ask the network or the method again, picture by picture and query by query.

    Args:
        metrics: those that ask.
        explained: methods with the raw maps (N, h', w') that they made of the batch, with their sign where
            they have one.
        network: the classifier.
        images: (B, 3, h, w) float32, the normalised inputs of the batch.
        batch: gives queries and seeds.
        protocol: gives epsilon and smoothing.
        seed: of the suite.

    Returns:
        What was found of each method, in the order of `explained`.
    """
    size = Size(*images.shape[2:])
    subjects = [_Subject.of(method, raw, size, protocol) for method, raw in explained]
    queries = list(zip(batch.image_index.tolist(), batch.class_index.tolist(), strict=True))
    seeds = [seed for image in batch.images for seed in image.seeds]
    found: list[dict[int, list[Curve | float]]] = [{} for _ in subjects]
    for index, one in enumerate(batch.images):
        picture = _picture(network, images[index].contiguous(), one.image_seed)
        for row in (row for row, (of, _) in enumerate(queries) if of == index):
            for subject, values in zip(subjects, found, strict=True):
                seen = NetworkQuery(
                    picture, subject.saliency[row], subject.signed[row], queries[row][1], seeds[row]
                )
                again = _Again(subject.method, network, picture.seed, seed, subject.raw[row], picture.image)
                explained_query = ExplainedQuery(
                    seen,
                    subject.method.scored(subject.raw[row]),
                    subject.raw[row],
                    len(network.classes),
                    subject.method.attribution.kind == "network",
                    again,
                    again.stages_of,
                    _baseline(subject.method),
                )
                values[row] = []
                for metric in metrics:
                    with failures_told(f"metric {metric.metric.name!r}", [one.image_id]):
                        given = seen if metric.metric.kind == "network" else explained_query
                        values[row].append(metric(given))
    return [_asked(metrics, [values[row] for row in range(len(queries))]) for values in found]


def maps_at_input(method: BoundAttribution, batch: Batch, images: Tensor) -> Tensor:
    """Return the maps (N, h, w) of a method without a network, made at the size of the network's input.

    A map of the original image, such as a single pixel, would be lost or moved by resizing. Regions are taken
    from their nearest pixels.
    """
    size, maps = images.shape[2:], []
    for one in (one for one in batch.images if len(one.class_index)):
        masks = torch.as_tensor(one.masks).to(images.device)
        resized = F.interpolate(masks[:, None].float(), size, mode="nearest")[:, 0] > 0.5
        maps.append(method.raw(resized, list(one.seeds)).float())
    return torch.cat([images.new_zeros((0, *size)), *maps])


def _asked(metrics: Sequence[BoundMetric], found: Sequence[Sequence[Curve | float]]) -> Asked:
    """Word curves and take their values."""
    table = torch.empty((len(found), len(metrics)), dtype=torch.float64)
    curves: list[list[str]] = [[] for _ in found]
    for row, answers in enumerate(found):
        for column, (metric, one) in enumerate(zip(metrics, answers, strict=True)):
            if isinstance(one, Curve):
                curves[row].append(write_numbers(one.points))
                table[row, column] = metric.metric.of_curve(one.points)
            else:
                table[row, column] = float(one)
    return Asked(table, curves)


class _Subject(NamedTuple):
    """A method with its raw maps, and what metrics read of them at the size of the network's input."""

    method: BoundAttribution
    raw: Tensor
    saliency: Tensor
    signed: Tensor

    @classmethod
    def of(cls, method: BoundAttribution, raw: Tensor, size: Size, protocol: Protocol) -> _Subject:
        """Prepare raw maps (N, h', w') as those that are scored."""
        maps, smoothed = method.scored(raw), method.attribution.smoothed
        saliency = prepare_saliency(maps, status_of(maps), size, protocol, smoothed=smoothed)
        return cls(method, raw, saliency, signed_saliency(raw, size, protocol, smoothed=smoothed))


def _baseline(method: BoundAttribution) -> Fill | None:
    """The picture that a method's maps begin at, by its option of that name, where they keep their sign."""
    name = {**method.attribution.options, **method.options}.get("baseline")
    return name if method.sign and name in ("mean", "black", "white") else None


class _Again(NamedTuple):
    """Runs a method again for one query; a method without a network gives its one map."""

    method: BoundAttribution
    network: Network
    image_seed: int
    suite_seed: int
    original: Tensor
    image: Tensor

    def __call__(
        self, images: Tensor, class_index: int, *, signed: bool = False, forgotten: Forgotten | None = None
    ) -> Tensor:
        """Return raw maps (m, h', w'); see `Explain`."""
        if self.method.attribution.kind != "network":
            maps = self.original.expand(len(images), -1, -1)
        else:
            network = self._copy.forgetting(forgotten) if forgotten else self.network
            index = torch.arange(len(images), device=images.device)
            classes = torch.full_like(index, class_index)
            maps = self.method.raw(network, images, index, classes, seeds=[self.image_seed] * len(images))
        return maps if signed else self.method.scored(maps)

    def stages_of(self, every: Literal["stage", "module"]) -> Sequence[str]:
        """Names of the network's stages in order of execution."""
        return self._copy.stages(every)

    @property
    def _copy(self) -> RandomisedCopy:
        return randomised_copy(self.network, self.suite_seed, self.image)


def _picture(network: Network, image: Tensor, image_seed: int) -> Picture:
    ask = functools.partial(_logits, network, Size(*image.shape[1:]))
    fill_with = functools.partial(fill, network, image)
    return Picture(image, image_seed, network.input_range, network.multi_label, ask, fill_with)


def _logits(network: Network, size: Size, count: int, make: Callable[[range], Tensor]) -> Tensor:
    """Logits (count, C) float32, in chunks that depend on the pictures' size alone."""
    at_once = max(1, _PIXELS_AT_ONCE // (size.height * size.width))

    def ask(part: range) -> Tensor:
        with torch.no_grad(), forward_pass(network.device):
            return network.module(make(part)).float()  # type: ignore[no-any-return]

    parts = in_chunks(count, network.device, {"cpu": at_once, "cuda": at_once}, ask, "masked pictures")
    none = torch.zeros((0, len(network.classes)), device=network.device)
    return torch.cat([none, *parts])


_SIDE, _SIGMA = 11, 5.0


def fill(network: Network, image: Tensor, name: Fill, seed: int) -> Tensor:
    """Pixels (3, h, w) or (3, 1, 1) of a fill; the mean colour is 0 after normalisation."""
    low, high = (bound.to(image) for bound in network.input_range)
    if name == "blur":
        kernel = blur_kernel().to(image)[None, None].expand(3, 1, -1, -1)
        return F.conv2d(image[None], kernel, padding=_SIDE // 2, groups=3)[0]
    if name == "noise":
        drawn = torch.rand(image.shape, generator=generator(seed, "fill", 0))
        return low + drawn.to(image) * (high - low)
    return {"mean": torch.zeros_like(low), "black": low, "white": high}[name]


@functools.cache
def blur_kernel() -> Tensor:
    """RISE's kernel (11, 11): an impulse through a Gaussian of 5 pixels that is reflected at the borders."""
    impulse = np.zeros((_SIDE, _SIDE))
    impulse[_SIDE // 2, _SIDE // 2] = 1
    return torch.from_numpy(gaussian_filter(impulse, _SIGMA)).float()
