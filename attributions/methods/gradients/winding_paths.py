"""Integrated gradients along other ways than the straight one: out of a blur, and by the least gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...asking.copies.blurring import blurred
from ...asking.copies.gradient_points import gradients_at
from ...asking.copies.masking import Fill, filling
from ...interface import NetworkLike, Passes, at_each, attribution
from ...queries import by_image, check_queries
from ...signs import Colours, over_colours, signed_by_colours

Steps = Annotated[int, Field(ge=1)]


def _per_step_and_query(options: Mapping[str, Any]) -> Passes:
    steps = options["steps"]
    return Passes(forwards_per_query=steps, backwards_per_query=steps, option="steps")


@attribution(
    "blur_integrated_gradients",
    smoothed=True,
    source="Xu et al., CVPR 2020",
    family="gradient",
    signed=signed_by_colours,
    passes=at_each("steps"),
)
def blur_integrated_gradients(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    steps: Steps = 100,
    largest: Annotated[float, Field(gt=0)] = 50.0,
    grid: Literal["squares", "equal"] = "squares",
    colours: Colours = "sum",
) -> Tensor:
    """Blur integrated gradients: gradients along the way from a blurred image to the sharp one.

    sum_s g(x at the middle of step s) times the change of x over step s. The relevance adds up to the score
    less that of the blurred image, but for the error of the sum.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        steps: of the sum.
        largest: standard deviation of the Gaussian at the start, in pixels.
        grid: deviations rise with the `squares` of the steps, which are dense where the image changes most;
            or their steps are `equal`, and the change is a difference quotient of 0.01 pixels at the sharper
            end of each step, as in the authors' code.
        colours: how three colours become one number.

    Returns:
        (N, H, W) float32; signed where colours are summed.

    Source: Xu, Venugopalan & Sundararajan, "Attribution in Scale and Space", CVPR 2020. Beyond the border the
    image is zero, the mean colour.
    """
    check_queries(images, image_index, class_index)
    relevance = images.new_zeros((len(image_index), *images.shape[1:]), dtype=torch.float64)
    places = torch.arange(steps + 1, dtype=torch.float64) / steps
    if grid == "squares":
        ends, middles = largest * places.square(), largest * (places[:-1] + 0.5 / steps).square()
    else:
        ends, middles = largest * places, largest * places[:-1]
    for image, queries in by_image(image_index):
        picture = images[image].detach().double()

        def points(part: range, picture: Tensor = picture) -> Tensor:
            return torch.stack([_blurred(picture, float(middles[step])) for step in part]).to(images)

        for step, gradients in _one_by_one(
            gradients_at(network, points, steps, class_index[queries], label="blurs")
        ):
            if grid == "squares":
                change = _blurred(picture, float(ends[step])) - _blurred(picture, float(ends[step + 1]))
            else:
                here = float(ends[step])
                quotient = (_blurred(picture, here) - _blurred(picture, here + 0.01)) / 0.01
                change = quotient * (largest / steps)
            relevance[queries] += change * gradients.double()
    return over_colours(relevance, colours)


def _one_by_one(found: Iterator[Any]) -> Iterator[tuple[int, Tensor]]:
    """Yield the number of each point and its gradients (K, 3, H, W)."""
    number = 0
    for part in found:
        for gradients in part.gradients.unbind(dim=1):
            yield number, gradients
            number += 1


def _blurred(image: Tensor, deviation: float) -> Tensor:
    return blurred(image, deviation, cut=lambda reach: int(reach + 0.5))


@attribution(
    "guided_integrated_gradients",
    smoothed=True,
    source="Kapishnikov et al., CVPR 2021",
    family="gradient",
    signed=signed_by_colours,
    passes=_per_step_and_query,
)
def guided_integrated_gradients(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    steps: Steps = 200,
    fraction: Annotated[float, Field(gt=0, le=1)] = 0.25,
    distance: Annotated[float, Field(ge=0, le=1)] = 0.02,
    baseline: Fill = "black",
    colours: Colours = "sum",
) -> Tensor:
    """Guided integrated gradients: the way from the baseline moves first where the gradient is smallest.

    Each step makes the image's distance to x, in absolute values, shorter by an equal part. Of the values
    that may still move, the `fraction` of smallest absolute gradient moves, and further ones while the step
    is not complete; none strays from the straight way by more than `distance` of it.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        steps: passes of each query, as its way is its own.
        fraction: of the values that move at once.
        distance: from the straight way, as a share of it.
        baseline: where the way begins.
        colours: how three colours become one number.

    Returns:
        (N, H, W) float32; signed where colours are summed.

    Source: Kapishnikov et al., "Guided Integrated Gradients: An Adaptive Path Method for Removing Noise",
    CVPR 2021.
    """
    check_queries(images, image_index, class_index)
    relevance = images.new_zeros((len(image_index), *images.shape[1:]), dtype=torch.float64)
    start = filling(network, baseline).to(images).double()
    for query, (image, index) in enumerate(zip(image_index.tolist(), class_index, strict=True)):
        goal = images[image].detach().double()

        def gradient(at: Tensor, index: Tensor = index) -> Tensor:
            found = gradients_at(network, lambda _part: at.to(images)[None], 1, index[None], label="")
            return next(iter(found)).gradients[0, 0].double()

        relevance[query] = _guided(goal, start.expand_as(goal), gradient, steps, fraction, distance)
    return over_colours(relevance, colours)


def _guided(
    goal: Tensor, start: Tensor, gradient: Any, steps: int, fraction: float, distance: float
) -> Tensor:
    """Sum gradient times movement along the guided way from `start` to `goal`: (3, H, W) float64."""
    way = goal - start
    whole, at, relevance = float(way.abs().sum()), start.clone(), torch.zeros_like(goal)
    if whole == 0:
        return relevance
    for step in range(1, steps + 1):
        slope = gradient(at)
        nearest, farthest = max(step / steps - distance, 0.0), min(step / steps + distance, 1.0)
        ahead, left = start + farthest * way, whole * (1 - step / steps)
        before = at
        # what lags behind the corridor is brought into it
        lagging = (way != 0) & ((at - start) / torch.where(way == 0, 1, way) < nearest)
        at = torch.where(lagging, start + nearest * way, at)
        while (excess := float((at - goal).abs().sum()) - left) > 1e-9 * (1 + left):
            free = at != ahead
            costs = torch.where(free, slope.abs(), math.inf)
            order = costs.flatten().sort().values
            limit = order[int(fraction * (len(order) - 1))]
            moving = free & (costs <= limit)
            room = float(((at - ahead).abs() * moving).sum())
            if room == 0:
                break
            share = min(excess / room, 1.0)
            target = ahead if share == 1.0 else at + share * (ahead - at)
            at = torch.where(moving, target, at)
        relevance += (at - before) * slope
    return relevance
