"""How much each segment of an image adds to a class score, from which segments are shown and which hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....base import RaybenchError
from ...asking.copies.coalitions import Coalitions, coin_flips, shapley_coalitions
from ...asking.copies.masking import Score, masked_scores
from ...asking.copies.segments import Segmentation, colours_of, segmented
from ...interface import NetworkLike, Passes, attribution
from ...queries import by_image, check_queries
from ...sharing import shared

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]

Hidden = Literal["segments", "mean", "black", "white"]
"""What a hidden segment shows: its own mean colour, or a colour that is the same everywhere."""


@dataclass(frozen=True)
class _Surrogate:
    """A linear model of a class score by the segments that are shown.

    Attributes:
        name: of the method.
        segments: how an image is cut.
        cells: how finely.
        fill: what hidden segments show.
        score: what is modelled.
        ask: from the image's seed and the number of segments, the sets to show.
        fit: from these sets and their scores (m,) float64, the weight of each segment (d,).
    """

    name: str
    segments: Segmentation
    cells: int
    fill: Hidden
    score: Score
    ask: Callable[[int, int], Coalitions]
    fit: Callable[[Coalitions, Tensor], Tensor]


def _lime_passes(options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=options["samples"], option="samples")


def _kernel_shap_passes(options: Mapping[str, Any]) -> Passes:
    count = options["cells"] ** 2
    return Passes(forwards_per_image=2 + _coalitions(options["samples"], count), option="samples")


@attribution(
    "lime",
    source="Ribeiro et al., KDD 2016",
    family="perturbation",
    signed=True,
    seeded=True,
    passes=_lime_passes,
)
def lime(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    samples: Count = 1000,
    segments: Segmentation = "cells",
    cells: Count = 8,
    fill: Hidden = "segments",
    width: Positive = 0.25,
    ridge: Positive = 1.0,
) -> Tensor:
    """LIME: the linear model of the class's probability by the segments shown, fitted around the image.

    Every sample shows each segment with probability 1/2. The model has a free intercept and is fitted by
    ridge regression, where a sample at the cosine distance D from the whole image counts
    exp(-D^2 / (2 width^2)).

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        seeds: B integers.
        samples: how many; the first is the image itself.
        segments: `cells` of a grid, or with scikit-image `slic` or `quickshift`.
        cells: along each side of the grid; SLIC is asked for their square.
        fill: what hidden segments show, by default their own mean colour.
        width: of the kernel.
        ridge: penalty on the squared weights.

    Returns:
        (N, H, W) float32, signed: each pixel has the weight of its segment.

    Raises:
        RaybenchError: an image is smaller than the grid, or scikit-image is missing.

    Source: Ribeiro, Singh & Guestrin, "Why Should I Trust You?", KDD 2016. Defaults and the root in the
    kernel are those of the authors' package, which cuts images by quickshift.
    """

    def ask(seed: int, count: int) -> Coalitions:
        members = coin_flips(seed, count, samples)
        distances = 1 - (members.sum(dim=1) / count).sqrt()
        return Coalitions(members, torch.exp(-distances.square() / (2 * width**2)))

    def fit(asked: Coalitions, scores: Tensor) -> Tensor:
        return _ridge_weights(asked, scores, ridge)

    surrogate = _Surrogate("lime", segments, cells, fill, "probability", ask, fit)
    question = (samples, width, ridge)
    return _maps(surrogate, question, network, images, image_index, class_index, seeds)


@attribution(
    "kernel_shap",
    source="Lundberg & Lee, NeurIPS 2017",
    family="perturbation",
    signed=True,
    seeded=True,
    passes=_kernel_shap_passes,
)
def kernel_shap(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
    *,
    samples: Count | None = None,
    segments: Segmentation = "cells",
    cells: Count = 7,
    fill: Hidden = "mean",
) -> Tensor:
    """Kernel SHAP: Shapley values of the segments in the game for the class's logit.

    The values add up to the logit of the image less that of the image with all segments hidden. They are
    exact where all sets of segments are asked about, and otherwise solve the regression over the sets drawn.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        seeds: B integers.
        samples: sets of segments besides none and all; by default twice the number of segments and 2048.
        segments: `cells` of a grid, or with scikit-image `slic` or `quickshift`.
        cells: along each side of the grid; SLIC is asked for their square.
        fill: what hidden segments show.

    Returns:
        (N, H, W) float32, signed: each pixel has the value of its segment.

    Raises:
        RaybenchError: an image is smaller than the grid, scikit-image is missing, or the samples are too
            few for the number of segments.

    Source: Lundberg & Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017. That no and
    all segments are met exactly is a constraint here, and not an infinite weight.
    """

    def ask(seed: int, count: int) -> Coalitions:
        least = min(2 * count, (1 << count) - 2)
        if samples is not None and samples < least:
            raise RaybenchError(
                f"kernel_shap: {samples} samples do not determine the values of {count} segments; "
                f"set the option samples to {least} or more"
            )
        return shapley_coalitions(seed, count, _coalitions(samples, count))

    surrogate = _Surrogate("kernel_shap", segments, cells, fill, "logit", ask, _shapley_values)
    return _maps(surrogate, (samples,), network, images, image_index, class_index, seeds)


def _coalitions(samples: int | None, count: int) -> int:
    """How many sets of `count` segments are asked about besides none and all."""
    return min(2 * count + 2048 if samples is None else samples, (1 << count) - 2)


def _maps(
    surrogate: _Surrogate,
    question: tuple[object, ...],
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    seeds: Sequence[int],
) -> Tensor:
    """Fit a model for each query: (N, H, W) float32. `question` is what sets the model apart from others."""
    check_queries(images, image_index, class_index)

    def ask() -> Tensor:
        maps = images.new_zeros((len(image_index), *images.shape[2:]), dtype=torch.float32)
        for image, queries in by_image(image_index):
            classes = class_index[queries]
            maps[queries] = _explained(surrogate, network, images[image].detach(), classes, seeds[image])
        return maps

    facts = (surrogate.name, surrogate.segments, surrogate.cells, surrogate.fill, network.multi_label)
    return shared((*facts, question, tuple(seeds)), (network.module, images, image_index, class_index), ask)


def _explained(
    surrogate: _Surrogate, network: NetworkLike, image: Tensor, classes: Tensor, seed: int
) -> Tensor:
    """Maps of one image (3, H, W) for all classes that are asked about (K,): (K, H, W) float32."""
    segments = segmented(surrogate.name, network, image, surrogate.segments, surrogate.cells)
    asked = surrogate.ask(seed, int(segments.max()) + 1)

    def masks(part: range) -> Tensor:
        return asked.members[part.start : part.stop, None][..., segments]

    answers = masked_scores(
        network,
        image,
        masks,
        len(asked.members),
        classes,
        fill=colours_of(segments, image) if surrogate.fill == "segments" else surrogate.fill,
        score=surrogate.score,
        label=surrogate.name,
    )
    scores = torch.cat([answer.scores for answer in answers]).cpu()
    # one class at a time, so that rounding does not depend on how many there are
    weights = torch.stack([surrogate.fit(asked, scores[:, place]) for place in range(len(classes))])
    return weights[:, segments].to(image.device, torch.float32)


def _ridge_weights(asked: Coalitions, scores: Tensor, penalty: float) -> Tensor:
    """Weights (d,) of a linear model with a free intercept; those squared are penalised."""
    share = asked.weights / asked.weights.sum()
    centred = asked.members - share @ asked.members
    weighted = centred * asked.weights[:, None]
    gram = weighted.T @ centred
    target = weighted.T @ (scores - share @ scores)
    weights: Tensor = torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=gram.dtype), target)
    return weights


def _shapley_values(asked: Coalitions, scores: Tensor) -> Tensor:
    """Values (d,) that meet the first two sets, none and all, exactly and the others by least squares.

    As the values add up to a known sum, the last follows from the others, which a regression without
    constraints then finds.
    """
    nothing, total = scores[0], scores[1] - scores[0]
    members, weights = asked.members[2:], asked.weights[2:]
    last = members[:, -1]
    design = members[:, :-1] - last[:, None]
    weighted = design * weights[:, None]
    values = torch.linalg.solve(weighted.T @ design, weighted.T @ (scores[2:] - nothing - last * total))
    return torch.cat([values, (total - values.sum())[None]])
