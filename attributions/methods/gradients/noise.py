"""Gradients at noisy copies of the image: their mean, their mean square, their variance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from ...asking.copies.gradient_points import gradients_at
from ...interface import NetworkLike, at_each, attribution
from ...queries import by_image, check_queries
from ...seeds import generator
from ...sharing import shared
from ...signs import Colours, over_colours, signed_by_colours

Samples = Annotated[int, Field(ge=1)]
Noise = Annotated[float, Field(gt=0)]


@attribution(
    "smooth_grad",
    smoothed=True,
    source="Smilkov et al., arXiv 2017",
    family="gradient",
    signed=signed_by_colours,
    seeded=True,
    passes=at_each("samples"),
)
def smooth_grad(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    samples: Samples = 50,
    noise: Noise = 0.15,
    colours: Colours = "max",
) -> Tensor:
    """SmoothGrad: the mean gradient at noisy copies of the image.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        seeds: B integers.
        samples: noisy copies; all classes of an image, and the other methods of this family, share them.
        noise: standard deviation of the normal noise, as a share of the range of the image's values.
        colours: how three colours become one number.

    Returns:
        (N, H, W) float32; signed where colours are summed.

    Source: Smilkov et al., "SmoothGrad: removing noise by adding noise", arXiv 1706.03825, who recommend 50
    copies and 10 to 20 % of noise.
    """
    sums = _noisy_gradients(network, images, image_index, class_index, seeds, samples, noise)
    return over_colours(sums.mean, colours)


@attribution(
    "smooth_grad_squared",
    smoothed=True,
    source="Hooker et al., NeurIPS 2019",
    family="gradient",
    seeded=True,
    passes=at_each("samples"),
)
def smooth_grad_squared(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    samples: Samples = 50,
    noise: Noise = 0.15,
    colours: Colours = "max",
) -> Tensor:
    """SmoothGrad squared: the mean squared gradient at noisy copies of the image.

    Arguments and result as for `smooth_grad`; never signed.

    Source: Hooker et al., "A Benchmark for Interpretability Methods in Deep Neural Networks", NeurIPS 2019.
    """
    sums = _noisy_gradients(network, images, image_index, class_index, seeds, samples, noise)
    return over_colours(sums.mean_square, colours)


@attribution(
    "var_grad",
    smoothed=True,
    source="Adebayo et al., ICLR workshop 2018",
    family="gradient",
    seeded=True,
    passes=at_each("samples"),
)
def var_grad(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    samples: Samples = 50,
    noise: Noise = 0.15,
    colours: Colours = "max",
) -> Tensor:
    """VarGrad: the variance of the gradient over noisy copies of the image, divided by their number.

    Arguments and result as for `smooth_grad`; never signed.

    Source: Adebayo et al., "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter
    Values", ICLR workshop 2018.
    """
    sums = _noisy_gradients(network, images, image_index, class_index, seeds, samples, noise)
    return over_colours((sums.mean_square - sums.mean.square()).clamp(min=0), colours)


class _Moments(NamedTuple):
    """Of each query's gradients, (N, 3, H, W) float64: their mean, and the mean of their squares."""

    mean: Tensor
    mean_square: Tensor


def _noisy_gradients(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    samples: int,
    noise: float,
) -> _Moments:
    check_queries(images, image_index, class_index)

    def ask() -> _Moments:
        shape = (len(image_index), *images.shape[1:])
        mean, square = (images.new_zeros(shape, dtype=torch.float64) for _ in range(2))
        for image, queries in by_image(image_index):
            picture, seed = images[image].detach(), seeds[image]
            width = noise * (picture.max() - picture.min())

            def points(
                part: range, picture: Tensor = picture, seed: int = seed, width: Tensor = width
            ) -> Tensor:
                return picture + width * _normal(seed, "noise", part, picture)

            for found in gradients_at(network, points, samples, class_index[queries], label="noisy copies"):
                gradients = found.gradients.double()
                mean[queries] += gradients.sum(dim=1)
                square[queries] += gradients.square().sum(dim=1)
        return _Moments(mean / samples, square / samples)

    question = ("noisy gradients", samples, noise, tuple(seeds))
    return shared(question, (network.module, images, image_index, class_index), ask)


def _normal(seed: int, purpose: str, numbers: range, like: Tensor) -> Tensor:
    """Draw normal numbers, float32 on the CPU, one generator per sample: (m, 3, H, W), moved to `like`."""
    drawn = [torch.randn(like.shape, generator=generator(seed, purpose, number)) for number in numbers]
    return torch.stack(drawn).to(like)


@attribution(
    "expected_gradients",
    smoothed=True,
    source="Erion et al., Nature Machine Intelligence 2021",
    family="gradient",
    signed=signed_by_colours,
    seeded=True,
    passes=at_each("samples"),
)
def expected_gradients(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    samples: Samples = 50,
    colours: Colours = "sum",
) -> Tensor:
    """Expected gradients: integrated gradients from random baselines, one random point of each way.

    mean_s (x - x_s) g(x_s + a_s (x - x_s)), a_s uniform in [0, 1). The baselines x_s are normal noise of
    mean 0 and deviation 1 in the network's normalised input: pictures would have to come from outside the
    data that is measured.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        seeds: B integers.
        samples: baselines.
        colours: how three colours become one number.

    Returns:
        (N, H, W) float32; signed where colours are summed.

    Source: Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and
    expected gradients", Nature Machine Intelligence 2021; GradientSHAP without its noise.
    """
    check_queries(images, image_index, class_index)
    relevance = images.new_zeros((len(image_index), *images.shape[1:]), dtype=torch.float64)
    for image, queries in by_image(image_index):
        picture, seed = images[image].detach(), seeds[image]

        def points(part: range, picture: Tensor = picture, seed: int = seed) -> Tensor:
            start = _normal(seed, "references", part, picture)
            draws = [torch.rand(1, generator=generator(seed, "places", number)) for number in part]
            return start + torch.stack(draws).to(picture)[:, :, None, None] * (picture - start)

        at_once = gradients_at(network, points, samples, class_index[queries], label="expected gradients")
        number = 0
        for found in at_once:
            part = range(number, number + found.gradients.shape[1])
            way = picture - _normal(seed, "references", part, picture)
            relevance[queries] += (way.double() * found.gradients.double()).sum(dim=1)
            number = part.stop
    return over_colours(relevance / samples, colours)
