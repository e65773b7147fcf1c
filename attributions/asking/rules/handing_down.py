"""Hands what a class receives down to the pixels, by a table of rules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from ...arithmetic import denormals_flushed
from ...interface import NetworkLike
from ...layers.watching import captured, tried, undisturbed
from ...queries import Portion, check_logits, check_queries, one_hot, portions
from .backward_rules import Rules, Table, uncompiled

Start = Callable[[Tensor, Tensor], Tensor]
"""Takes logits (n, C) and a class (n,) of each row, and returns what the logits receive (n, C)."""


def score(logits: Tensor, class_index: Tensor) -> Tensor:
    """Start with the score of the class, as relevance does."""
    return one_hot(logits, class_index) * logits.detach()


def handed_to_pixels(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    table: Table,
    *,
    start: Start = one_hot,
) -> Tensor:
    """Run the network on B images and the rules of a table back for each of N queries.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised as the checkpoint wants it.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        table: what calls hand down.
        start: what the classes receive; one by default.

    Returns:
        (N, 3, H, W) in the precision of the images; whatever the precision of a protocol, the network
        computes in that of its weights, since rules divide by sums in which values cancel.

    Raises:
        RaybenchError: the network makes a call that the table refuses.
    """
    check_queries(images, image_index, class_index)
    with undisturbed(network.module), denormals_flushed():
        handed = images.new_zeros((len(image_index), *images.shape[1:]))
        for part in portions(images.detach(), image_index):
            handed[part.queries] = _hand_down(network.module, part, class_index[part.queries], table, start)
    return handed


def _hand_down(module: nn.Module, part: Portion, class_index: Tensor, table: Table, start: Start) -> Tensor:
    """Hand down for some queries: (n, 3, H, W), by one forward pass where all ask about one image."""
    alone = len(part.images) == 1
    pixels = (part.images.clone() if alone else part.images[part.image_index]).requires_grad_()
    logits = ruled_logits(module, pixels, table)
    rounds = torch.split(class_index, max(len(logits), 1))
    return torch.cat(
        [
            torch.autograd.grad(logits, pixels, start(logits, classes), retain_graph=True)[0]
            for classes in rounds
        ]
    )


def ruled_logits(module: nn.Module, pixels: Tensor, table: Table) -> Tensor:
    """Return class scores (n, C) with a graph by the rules of the table."""
    with torch.autocast(pixels.device.type, enabled=False), uncompiled(), Rules(table):
        logits = module(pixels.clone())  # a network may begin with an in-place operation
    check_logits(logits, len(pixels))
    found: Tensor = logits
    return found


def check_rules(network: NetworkLike, table: Table, *, layer: str = "") -> None:
    """Raise `RaybenchError` if a network makes a call that the table refuses, seen on a blank picture.

    With `layer`, what is computed ahead of it may be anything.
    """

    def trial(blank: Tensor) -> None:
        begun = captured(network.module, layer, cut=True) if layer else nullcontext()
        with begun:
            ruled_logits(network.module, blank.requires_grad_(not layer), table)

    tried(network, trial)
