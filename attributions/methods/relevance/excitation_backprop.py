"""Excitation backprop: probabilities that a unit is among the winners, handed down from the class.

What flows back is not a gradient but a share of the winner: each unit hands what it received to the units
that excited it, in proportion to what they contributed. Four rules do this for all layers:

| call | rule |
|---|---|
| convolution, linear, average pooling | share in proportion to input x positive weight |
| sum of two branches | share in proportion to the summands |
| activation | pass on where the output is positive, whatever the slope |
| normalisation, scaling by a constant or a gate | pass on |

Any other call (max pooling, ReLU, reshaping, concatenation, ...) routes what it receives by its gradient.

Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, for the first rule; sums
and batch normalisation are treated as TorchRay's `update_resnet` and backward context do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ....base import RaybenchError
from ...arithmetic import denormals_flushed, forward_pass
from ...asking.rules import calls
from ...asking.rules.backward_rules import (
    Rules,
    averaged,
    passed,
    pooled,
    refused,
    rows,
    scaled,
    summed,
    uncompiled,
    weighted,
)
from ...asking.rules.handing_down import check_rules
from ...asking.rules.linear_rules import LinearCall, Share, Term, positive
from ...interface import NetworkLike, attribution
from ...layers.layout_trials import maps_at
from ...layers.layouts import Layout, as_maps
from ...layers.search.target_layer import layer_to_read
from ...layers.watching import captured, run_from, undisturbed
from ...queries import Portion, check_queries, one_hot, portions
from ...sharing import shared

_START = 2.0**40
"""What the class receives. All rules are linear in it, so a power of two changes no digit of the map, but it
keeps shares of many orders of magnitude away from denormal floats, which make CPUs slow, in every thread."""

_SMALLEST = 1e-20
"""Excitations up to this count as none: nobody excited the unit, and what it received ends there."""


def _unless_silent(received: Tensor, total: Tensor) -> Tensor:
    # not merely a small term added: a unit without excitation must not send a rounding error
    return (received / total).masked_fill_(total <= _SMALLEST, 0)


def _unless_zero(received: Tensor, total: Tensor) -> Tensor:
    return (received / total).masked_fill_(total == 0, 0)


_WINNERS = (Share((Term(positive, positive),), _unless_silent),)

EXCITATION = {
    **rows((*calls.CONVOLUTIONS, F.linear), weighted(_WINNERS)),
    **rows(calls.POOLINGS, pooled(_WINNERS)),
    **rows(calls.MEANS, averaged(_WINNERS)),
    **rows(calls.SUMS, summed(_unless_zero)),
    **rows(calls.PRODUCTS, scaled),
    **rows(calls.NORMALISATIONS, passed()),
    **rows(calls.ACTIVATIONS, passed(active_only=True)),  # a ReLU needs no rule: its gradient is this one
    **rows(calls.ATTENTION, refused),
}
"""The backward rules of excitation backprop."""


def _check(network: NetworkLike) -> None:
    """Refuse networks that attend behind the layer that is read: their shares would be no probabilities."""
    check_rules(network, EXCITATION, layer=layer_to_read(network.excitation_layer, network))


@attribution(
    "excitation_backprop",
    source="Zhang et al., ECCV 2016",
    check=_check,
    fits="no attention",
    family="relevance",
)
def excitation_backprop(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """Excitation backprop: where the units lie that excited the class, each in proportion to its share.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        layer: where the shares are read and summed over channels; by default the network's excitation layer,
            else its target layer.

    Returns:
        (N, h, w) float32 at the resolution of the layer, non-negative.

    Raises:
        UnknownNameError: no such layer.
        RaybenchError: the layer gives no feature maps.

    Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016. Activations are taken
    as non-negative, as the paper assumes: negative ones count as zero. Branches of a residual sum may be
    negative and keep their sign, as in TorchRay; a sum over channels below zero counts as zero.
    """
    check_queries(images, image_index, class_index)
    runs = _forward(network, images, image_index, layer, network.contrast_layer)
    return _backward(runs, class_index, contrasted=False)


@attribution(
    "contrastive_excitation_backprop",
    source="Zhang et al., ECCV 2016",
    check=_check,
    fits="no attention",
    family="relevance",
)
def contrastive_excitation_backprop(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
    contrast_layer: str | None = None,
) -> Tensor:
    """Contrastive excitation backprop: what excited the class, less what excited its opposite.

    The opposite of a class is a unit with negated weights in the classifier, the last layer with weights.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        layer: as for `excitation_backprop`.
        contrast_layer: where the shares of the opposite are subtracted; by default the network's contrast
            layer.

    Returns:
        (N, h, w) float32 at the resolution of `layer`, non-negative.

    Raises:
        UnknownNameError: no such layer.
        RaybenchError: no contrast layer is known, or it does not lie between `layer` and the class scores.

    Source: as for `excitation_backprop`, section 3.3. As in TorchRay the difference keeps its sign on the way
    down; only the finished map is clamped at zero.
    """
    contrast_layer = contrast_layer or network.contrast_layer
    if contrast_layer is None:
        raise RaybenchError(
            "contrastive_excitation_backprop needs a contrast layer; name one in the checkpoint's card or "
            "with the option contrast_layer, such as the last pooling or the layer before the classifier"
        )
    check_queries(images, image_index, class_index)
    runs = _forward(network, images, image_index, layer, contrast_layer)
    return _backward(runs, class_index, contrasted=True)


@dataclass(frozen=True)
class _Run:
    """A forward pass with excitation backprop's rules, ready to run backward as often as wanted.

    Attributes:
        queries: (n,) int64, which queries of the batch it serves.
        logits: (n, C), or (1, C) if all queries are about one image.
        features: (n or 1, ...), where the graph begins.
        layout: of the features.
        contrast: output of the contrast layer, if one was named.
        classifier: the last layer with weights.
    """

    queries: Tensor
    logits: Tensor
    features: Tensor
    layout: Layout
    contrast: Tensor | None
    classifier: LinearCall | None

    def maps(self, class_index: Tensor, *, contrasted: bool) -> Tensor:
        """Sum the shares at the features over channels: (n, h, w), times `_START`.

        Args:
            class_index: (n,) int64.
            contrasted: subtract the shares of the opposites where these pass the contrast layer.
        """
        shares = self._contrasted_shares if contrasted else self._shares
        rounds = torch.split(class_index, max(len(self.logits), 1))
        return torch.cat(
            [as_maps(shares(self.features, classes), self.layout).sum(dim=1) for classes in rounds]
        )

    def _shares(self, tensor: Tensor, class_index: Tensor) -> Tensor:
        received = one_hot(self.logits, class_index) * _START
        return torch.autograd.grad(self.logits, tensor, received, retain_graph=True)[0]

    def _contrasted_shares(self, tensor: Tensor, class_index: Tensor) -> Tensor:
        if self.contrast is None or self.classifier is None or not self.contrast.requires_grad:
            raise RaybenchError(
                "the contrast layer does not lie between the layer that is read and the class scores; "
                "choose one that does"
            )
        with _negated(self.classifier):
            opposite = self._shares(self.contrast, class_index)
        contrast: Any = self.contrast  # torch does not annotate register_hook
        handle = contrast.register_hook(lambda shares: shares - opposite)
        try:
            return self._shares(tensor, class_index)
        finally:
            handle.remove()


def _forward(
    network: NetworkLike, images: Tensor, image_index: Tensor, layer: str | None, contrast_layer: str | None
) -> list[_Run]:
    module = network.module
    name = layer_to_read(layer or network.excitation_layer, network)

    def run(part: Portion) -> _Run:
        wanted = nullcontext() if contrast_layer is None else captured(module, contrast_layer)
        rows = part.image_index[:1] if len(part.images) == 1 else part.image_index
        with (
            wanted as contrast,
            forward_pass(images.device, wide=True),
            uncompiled(),
            Rules(EXCITATION) as rules,
        ):
            start, logits = run_from(module, name, part.images, rows)
        _, layout = maps_at(network, name, start.tensor.detach(), part.images)
        last = contrast.tensor if contrast else None
        return _Run(part.queries, logits, start.tensor, layout, last, rules.last)

    def ask() -> list[_Run]:
        with undisturbed(module), denormals_flushed():
            return [run(part) for part in portions(images, image_index)]

    return shared(("excitation", name, contrast_layer), (module, images, image_index), ask)


def _backward(runs: list[_Run], class_index: Tensor, *, contrasted: bool) -> Tensor:
    """Run backward for all queries of a batch: (N, h, w) float32, non-negative."""
    size = runs[0].layout.height, runs[0].layout.width
    with torch.inference_mode(False), torch.no_grad(), denormals_flushed():
        maps = torch.zeros((len(class_index), *size), dtype=torch.float32, device=class_index.device)
        for run in runs:
            part = run.maps(class_index[run.queries], contrasted=contrasted)
            maps[run.queries] = part.div_(_START).clamp_(min=0).float()
    return maps


@contextmanager
def _negated(call: LinearCall) -> Iterator[None]:
    call.negated = True
    try:
        yield
    finally:
        call.negated = False
