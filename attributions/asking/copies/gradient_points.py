"""Gradients of class scores at many points near an image: noisy copies, steps of a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ...arithmetic import forward_pass
from ...interface import NetworkLike
from ...layers.watching import undisturbed
from ...queries import check_classes, check_logits
from .chunks import Copies, in_chunks

_AT_ONCE = {"cpu": 4, "cuda": 16}
"""Points that go through a network together. Their graph takes memory, and a CPU gains a fifth by four."""


class AtPoints(NamedTuple):
    """Gradients at some points.

    Attributes:
        points: (m, 3, H, W).
        gradients: (K, m, 3, H, W), of each class's logit at each point.
    """

    points: Tensor
    gradients: Tensor


def gradients_at(
    network: NetworkLike, points: Copies, count: int, classes: Tensor, *, label: str = "points"
) -> Iterator[AtPoints]:
    """Compute gradients with respect to the pixels: one forward pass per point, and one backward per class.

    Args:
        network: the classifier.
        points: the points of some numbers below `count`: (m, 3, H, W) float, on the network's device.
        count: of all points.
        classes: (K,) int64.
        label: for those who watch the progress.

    Yields:
        The points in order, in chunks whose size depends on the type of device alone, with their gradients.
    """
    module = network.module

    def ask(part: range) -> AtPoints:
        with undisturbed(module):
            pixels = points(part).detach().clone().requires_grad_()
            with forward_pass(pixels.device):
                logits = module(pixels.clone())  # a network may begin with an in-place operation
            check_logits(logits, len(part))
            check_classes(logits, classes)
            # in eval mode rows do not meet, so that the sum of their scores has the gradients of all
            gradients = [
                torch.autograd.grad(logits[:, index].sum(), pixels, retain_graph=turn < len(classes) - 1)[0]
                for turn, index in enumerate(classes.tolist())
            ]
        return AtPoints(pixels.detach(), torch.stack(gradients))

    if len(classes):
        yield from in_chunks(count, classes.device, _AT_ONCE, ask, label)
