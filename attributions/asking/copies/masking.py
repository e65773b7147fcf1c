"""What a network says of an image of which parts are hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ...arithmetic import forward_pass
from ...interface import NetworkLike
from ...layers.watching import undisturbed
from ...queries import check_classes, check_logits
from .chunks import Copies, in_chunks

Fill = Literal["mean", "black", "white"]
"""What stands for nothing: the mean colour of the network's training images, or one end of the range."""

Score = Literal["logit", "probability"]

_AT_ONCE = {"cpu": 8, "cuda": 32}
"""Masks that go through a network together. A CPU gains little by more, and each takes memory."""


class Masked(NamedTuple):
    """The answers to some masks.

    Attributes:
        masks: (m, 1, H, W), 1 where the image was shown.
        scores: (m, K) float64, of each class asked about.
    """

    masks: Tensor
    scores: Tensor


def filling(network: NetworkLike, fill: Fill) -> Tensor:
    """Return a colour in units of the network's input: (3, 1, 1)."""
    low, high = network.input_range
    return {"mean": torch.zeros_like(low), "black": low, "white": high}[fill]


def masked_scores(
    network: NetworkLike,
    image: Tensor,
    masks: Copies,
    count: int,
    classes: Tensor,
    *,
    fill: Fill | Tensor = "mean",
    score: Score = "probability",
    label: str = "masks",
) -> Iterator[Masked]:
    """Show a network one image under many masks: one forward pass per mask for all classes.

    Args:
        network: the classifier.
        image: (3, H, W) float, normalised.
        masks: the masks of some numbers below `count`: (m, 1, H, W), on any device.
        count: of all masks.
        classes: (K,) int64.
        fill: what is shown where a mask is 0: a colour, or a normalised picture (3, H, W).
        score: the class's logit, or its probability: a softmax, for networks of several classes per image a
            sigmoid.
        label: for those who watch the progress.

    Yields:
        The masks in order, in chunks whose size depends on the type of device alone, with their scores.
    """
    module, device = network.module, image.device
    ground = (fill if isinstance(fill, Tensor) else filling(network, fill)).to(image)

    def ask(part: range) -> Masked:
        shown = masks(part).to(image)
        with undisturbed(module), torch.no_grad(), forward_pass(device):
            logits = module(image * shown + ground * (1 - shown))
        check_logits(logits, len(part))
        check_classes(logits, classes)
        return Masked(shown, scores_of(logits.double(), score, network.multi_label)[:, classes])

    yield from in_chunks(count, device, _AT_ONCE, ask, label)


def scores_of(logits: Tensor, score: Score, multi_label: bool) -> Tensor:
    """Class scores (n, C) as they are, or as probabilities."""
    if score == "logit":
        return logits
    return logits.sigmoid() if multi_label else logits.softmax(dim=1)
