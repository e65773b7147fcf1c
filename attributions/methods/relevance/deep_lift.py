"""DeepLift: the score of a class less that of a baseline, handed down by how far each unit differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ....base import RaybenchError
from ...arithmetic import denormals_flushed
from ...asking.copies.masking import Fill, filling
from ...asking.rules.chords import CHORDS
from ...asking.rules.handing_down import ruled_logits
from ...interface import NetworkLike, Passes, attribution
from ...layers.watching import tried, undisturbed
from ...queries import Portion, check_queries, one_hot, portions
from ...sharing import shared
from ...signs import Colours, over_colours, signed_by_colours


def _two_of_each(_options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=2, backwards_per_query=2)


def _check(network: NetworkLike) -> None:
    """Raise `RaybenchError` unless relevance adds up, as DeepLift promises, on a picture of noise."""
    tried(network, lambda blank: _check_sum(network, blank))


def _check_sum(network: NetworkLike, blank: Tensor) -> None:
    low, high = (end.to(blank) for end in network.input_range)
    noise = torch.rand(blank.shape, generator=torch.Generator().manual_seed(0)).to(blank)
    picture = low + (high - low) * noise
    with torch.no_grad():
        logits, others = (network.module(given) for given in (picture, low.expand_as(blank)))
    target = (logits - others)[0].abs().argmax()[None]
    expected = float((logits - others)[0, target])
    found = float(_lifted(network, picture, torch.zeros_like(target), target, "black").double().sum())
    rounding = 1e-5 * float(logits.abs().max())
    if abs(found - expected) > 1e-3 * abs(expected) + rounding:
        raise RaybenchError(
            f"DeepLift does not add up for this network ({found:.4g} instead of {expected:.4g} on a picture "
            "of noise): it makes a call without a rule, such as a softmax; choose a method that goes by "
            "gradients, such as integrated_gradients"
        )


@attribution(
    "deep_lift",
    smoothed=True,
    source="Shrikumar et al., ICML 2017",
    family="relevance",
    signed=signed_by_colours,
    passes=_two_of_each,
    check=_check,
    fits="no attention",
)
def deep_lift(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    baseline: Fill = "black",
    colours: Colours = "sum",
) -> Tensor:
    """DeepLift by the rescale rule: (x - x0) times the slopes of all units between the baseline x0 and x.

    The relevance of all pixels adds up to the class's logit less that of the baseline.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        baseline: a black image, a white one, or one of the mean colour.
        colours: how three colours become one number.

    Returns:
        (N, H, W) float32; signed where colours are summed.

    Raises:
        RaybenchError: the network attends, for which there is no rule. The check finds calls without one.

    Source: Shrikumar, Greenside & Kundaje, "Learning Important Features Through Propagating Activation
    Differences", ICML 2017. Max pooling hands its difference to one place, as shap's DeepExplainer does.
    Gates and layer normalisation, of which the paper says nothing, are taken apart into products, which hand
    each factor the mean of the other.
    """
    check_queries(images, image_index, class_index)
    relevance = shared(
        ("deep lift", baseline),
        (network.module, images, image_index, class_index),
        lambda: _lifted(network, images.detach(), image_index, class_index, baseline),
    )
    return over_colours(relevance, colours)


def _lifted(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor, baseline: Fill
) -> Tensor:
    """(x - x0) times the multipliers: (N, 3, H, W) in the precision of the images."""
    with undisturbed(network.module), denormals_flushed():
        start = filling(network, baseline).to(images)
        relevance = images.new_zeros((len(image_index), *images.shape[1:]))
        for part in portions(images, image_index):
            relevance[part.queries] = _of_part(network, part, class_index[part.queries], start)
    return relevance


def _of_part(network: NetworkLike, part: Portion, class_index: Tensor, start: Tensor) -> Tensor:
    """Relevance for some queries: (n, 3, H, W), by one pass over images and baselines together."""
    alone = len(part.images) == 1
    pixels = (part.images if alone else part.images[part.image_index]).clone().requires_grad_()
    both = torch.cat([pixels, start.expand_as(pixels)])
    logits = ruled_logits(network.module, both, CHORDS)[: len(pixels)]
    received = one_hot(logits.expand(len(class_index), -1), class_index)
    multipliers = [
        torch.autograd.grad(logits, pixels, scores, retain_graph=True)[0]
        for scores in torch.split(received, max(len(pixels), 1))
    ]
    return torch.cat(multipliers) * (pixels.detach() - start)
