"""Gradients summed along a path that leads to the image."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ...asking.copies.gradient_points import gradients_at
from ...asking.copies.masking import Fill, filling
from ...interface import NetworkLike, at_each, attribution
from ...queries import by_image, check_queries
from ...sharing import shared
from ...signs import Colours, over_colours, signed_by_colours

Steps = Annotated[int, Field(ge=1)]


@attribution(
    "integrated_gradients",
    smoothed=True,
    source="Sundararajan et al., ICML 2017",
    family="gradient",
    signed=signed_by_colours,
    passes=at_each("steps"),
)
def integrated_gradients(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    steps: Steps = 50,
    baseline: Fill = "black",
    colours: Colours = "sum",
) -> Tensor:
    """Integrated gradients: (x - x0) times the mean gradient on the straight way from the baseline x0 to x.

    The relevance of all pixels adds up to the class's logit less that of the baseline, but for the error of
    the sum over `steps` midpoints that stands for the integral.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        steps: of the sum.
        baseline: a black image, as published, a white one, or one of the mean colour.
        colours: how three colours become one number.

    Returns:
        (N, H, W) float32; signed where colours are summed.

    Source: Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.
    """
    check_queries(images, image_index, class_index)
    relevance = shared(
        ("integrated gradients", steps, baseline),
        (network.module, images, image_index, class_index),
        lambda: _integrated(network, images.detach(), image_index, class_index, steps, baseline),
    )
    return over_colours(relevance, colours)


def _integrated(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor, steps: int, baseline: Fill
) -> Tensor:
    """(x - x0) times the mean gradient: (N, 3, H, W) float64."""
    start = filling(network, baseline).to(images)
    relevance = images.new_zeros((len(image_index), *images.shape[1:]), dtype=torch.float64)
    for image, queries in by_image(image_index):
        way = images[image] - start

        def points(part: range, way: Tensor = way) -> Tensor:
            shares = (torch.tensor(part, dtype=torch.float64) + 0.5) / steps
            return start + shares.to(way)[:, None, None, None] * way

        for found in gradients_at(network, points, steps, class_index[queries], label="integrated gradients"):
            relevance[queries] += found.gradients.double().sum(dim=1)
        relevance[queries] *= way.double() / steps
    return relevance
