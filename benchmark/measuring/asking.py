"""Gives metrics that ask the network or the method again what they ask for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ...attributions import BoundAttribution, forward_pass, generator, in_chunks
from ...base import Size
from ...checkpoints import Network
from ..loading import Batch
from ..metrics import BoundMetric, Curve, ExplainedQuery, Fill, NetworkQuery
from ..results import write_numbers
from ..suite import Protocol
from .failures import failures_told
from .maps import prepare_saliency, status_of

__all__ = ["Asked", "ask_again"]

_PIXELS_AT_ONCE = 32 * 224 * 224
_BLUR_SIDE, _BLUR_SIGMA = 11, 5.0


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
    method: BoundAttribution,
    network: Network,
    images: Tensor,
    raw: Tensor,
    batch: Batch,
    protocol: Protocol,
) -> Asked:
    """Compute the metrics that ask the network or the method again, query by query.

    Args:
        metrics: those that ask.
        method: which made the maps.
        network: the classifier.
        images: (B, 3, h, w) float32, the normalised inputs of the batch.
        raw: (N, h', w') the raw maps.
        batch: gives queries and seeds.
        protocol: gives epsilon and smoothing.
    """
    status = status_of(raw)
    size = Size(*images.shape[2:])
    saliency = prepare_saliency(raw, status, size, protocol, smoothed=method.attribution.smoothed)
    seeds = [seed for image in batch.images for seed in image.seeds]
    values, curves = [], []
    for row, (index, class_index) in enumerate(
        zip(batch.image_index.tolist(), batch.class_index.tolist(), strict=True)
    ):
        image, image_seed = images[index].contiguous(), batch.images[index].image_seed
        network_query = NetworkQuery(
            image,
            saliency[row],
            class_index,
            seeds[row],
            functools.partial(_scores, network, class_index, size),
            functools.partial(_fill, network, image),
        )
        explained = ExplainedQuery(
            image,
            raw[row],
            class_index,
            image_seed,
            network.input_range,
            functools.partial(_explain, method, network, class_index, image_seed),
        )
        found = []
        for metric in metrics:
            with failures_told(f"metric {metric.metric.name!r}", [batch.images[index].image_id]):
                one = metric(network_query if metric.metric.kind == "network" else explained)
                found.append(one if isinstance(one, Curve) else float(one))
        values.append([one.area if isinstance(one, Curve) else one for one in found])
        curves.append([write_numbers(one.points) for one in found if isinstance(one, Curve)])
    table = torch.tensor(values, dtype=torch.float64).reshape(len(values), len(metrics))
    return Asked(table, curves)


def _scores(
    network: Network,
    class_index: int,
    size: Size,
    count: int,
    make: Callable[[range], Tensor],
    logits: bool,
) -> Tensor:
    """Scores (count,) float64 of a class, in chunks that depend on the pictures' size alone."""
    at_once = max(1, _PIXELS_AT_ONCE // (size.height * size.width))

    def ask(part: range) -> Tensor:
        with torch.no_grad(), forward_pass(network.device):
            found: Tensor = network.module(make(part)).float()
        if not logits:
            found = found.sigmoid() if network.multi_label else found.softmax(dim=1)
        return found[:, class_index].double().cpu()

    parts = in_chunks(count, network.device, {"cpu": at_once, "cuda": at_once}, ask, "masked pictures")
    return torch.cat([torch.zeros(0, dtype=torch.float64), *parts])


def _explain(
    method: BoundAttribution, network: Network, class_index: int, image_seed: int, images: Tensor
) -> Tensor:
    index = torch.arange(len(images), device=images.device)
    classes = torch.full_like(index, class_index)
    return method(network, images, index, classes, seeds=[image_seed] * len(images))


def _fill(network: Network, image: Tensor, name: Fill, seed: int) -> Tensor:
    """Pixels (3, h, w) or (3, 1, 1) of a fill; the mean colour is 0 after normalisation."""
    low, high = (bound.to(image) for bound in network.input_range)
    if name == "blur":
        kernel = _blur_kernel().to(image)[None, None].expand(3, 1, -1, -1)
        return F.conv2d(image[None], kernel, padding=_BLUR_SIDE // 2, groups=3)[0]
    if name == "noise":
        drawn = torch.rand(image.shape, generator=generator(seed, "fill", 0))
        return low + drawn.to(image) * (high - low)
    return {"mean": torch.zeros_like(low), "black": low, "white": high}[name]


@functools.cache
def _blur_kernel() -> Tensor:
    """RISE's kernel (11, 11): an impulse through a Gaussian of 5 pixels that is reflected at the borders."""
    impulse = np.zeros((_BLUR_SIDE, _BLUR_SIDE))
    impulse[_BLUR_SIDE // 2, _BLUR_SIDE // 2] = 1
    return torch.from_numpy(gaussian_filter(impulse, _BLUR_SIGMA)).float()
