"""Masks found by optimisation: which part of an image keeps a class score up, or brings it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from ...arithmetic import forward_pass
from ...asking.copies.blurring import blend, blurred, blurs
from ...asking.copies.chunks import in_chunks
from ...asking.copies.smooth_masks import SmoothMasks
from ...interface import NetworkLike, Passes, attribution
from ...layers.watching import undisturbed
from ...progress import working
from ...queries import by_image, check_classes, check_logits, check_queries

Count = Annotated[int, Field(ge=1)]
Length = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Shares = Annotated[tuple[Share, ...], Field(min_length=1)]

_AT_ONCE = {"cpu": 1, "cuda": 8}
"""Queries of an image whose masks are optimised together. A CPU gains nothing by more than one."""

_LENGTHS_AT = 224
"""Shorter side, in pixels, of the images that options in pixels are for; for others they are scaled."""

_LEVELS = 8
_AREA_WEIGHT, _AREA_GROWTH = 300.0, 1.0035


def _per_step(options: Mapping[str, Any]) -> Passes:
    asked = (options["steps"] - 1) * len(options["areas"])
    return Passes(forwards_per_query=asked, backwards_per_query=asked, option="steps")


@attribution(
    "extremal_perturbation", source="Fong et al., ICCV 2019", family="perturbation", passes=_per_step
)
def extremal_perturbation(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    areas: Shares = (0.025, 0.05, 0.1, 0.2),
    steps: Count = 800,
    spacing: Length = 7,
    sigma: Length = 21,
    blur: Length = 20,
    smoothing: Annotated[float, Field(ge=0)] = 0.09,
) -> Tensor:
    """Extremal perturbations: the sum of smooth masks of given areas that keep the class's logit highest.

    What a mask m hides is blurred. It maximises y_c - w mean (sorted(m) - r)^2, where r has ones for the
    area's share of its pixels and zeros otherwise, and w = 300 * 1.0035^t in step t.

    Args:
        network: the classifier, which has to be differentiable.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        areas: of the masks, as shares of all pixels, the masks' margins included.
        steps: masks that are made, the last of which counts.
        spacing: of the nodes that masks are made from, in pixels of an image whose shorter side has 224; for
            other images it is scaled, and rounded to whole pixels.
        sigma: of the kernels around the nodes, likewise without rounding.
        blur: standard deviation of the strongest blur, likewise.
        smoothing: standard deviation of the Gaussian on the sum, as a share of the shorter side.

    Returns:
        (N, H, W) float32, non-negative.

    Source: Fong, Patrick & Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth
    Masks", ICCV 2019, with the areas and the smoothing of their pointing game on VOC.
    """
    check_queries(images, image_index, class_index)
    shorter = min(images.shape[2:])
    scale = shorter / _LENGTHS_AT
    shape = SmoothMasks((images.shape[2], images.shape[3]), max(1, round(spacing * scale)), sigma * scale)
    maps = images.new_zeros((len(image_index), *images.shape[2:]), dtype=torch.float32)
    for image, queries in by_image(image_index):
        classes, pixels = class_index[queries], images[image].detach()

        def ask(part: range, classes: Tensor = classes, pixels: Tensor = pixels) -> Tensor:
            asked = classes[part.start : part.stop]
            return extremal_masks(network, pixels, asked, areas, steps, shape, blur * scale)

        found = torch.cat(list(in_chunks(len(queries), images.device, _AT_ONCE, ask, "classes")))
        inside = shape.inside(found.flatten(0, 1))
        total = inside.reshape(len(queries), len(areas), *inside.shape[1:]).sum(dim=1)
        maps[queries] = blurred(total[:, None], smoothing * shorter)[:, 0].float()
    return maps


def extremal_masks(
    network: NetworkLike,
    image: Tensor,
    classes: Tensor,
    areas: tuple[float, ...],
    steps: int,
    shape: SmoothMasks,
    blur: float,
) -> Tensor:
    """Optimise the masks of one image for all classes and areas in one batch.

    Args:
        network: the classifier.
        image: (3, H, W).
        classes: (K,) int64.
        areas: A shares.
        steps: masks that are made.
        shape: of the masks.
        blur: standard deviation of the strongest blur, in pixels.

    Returns:
        (K, A, H', W'), with their margins.
    """
    module, rows = network.module, len(classes) * len(areas)
    with undisturbed(module), working(steps - 1, "extremal perturbation") as step:
        asked = classes.repeat_interleave(len(areas))
        levels = blurs(image, blur, _LEVELS)
        nodes = levels.new_ones((rows, *shape.nodes)).requires_grad_()
        # in torch's form of SGD the first step has no dampening
        optimiser = torch.optim.SGD([nodes], lr=0.01, momentum=0.9, dampening=0.9)
        whole = shape.whole(nodes)
        wanted = _sorted_masks(areas, whole[0].numel(), whole).repeat(len(classes), 1)
        for turn in range(steps - 1):
            shown = blend(levels, shape.inside(whole)[:, None])
            with forward_pass(image.device):
                logits = module(shown.flip(-1) if turn % 2 == 0 else shown)
            check_logits(logits, rows)
            check_classes(logits, asked)
            scores = logits.gather(1, asked[:, None])[:, 0].to(whole.dtype)
            misfits = (whole.flatten(1).sort(dim=1, stable=True).values - wanted).square().mean(dim=1)
            loss = _AREA_WEIGHT * _AREA_GROWTH**turn * misfits - scores
            (nodes.grad,) = torch.autograd.grad(loss.sum(), [nodes])
            optimiser.step()
            with torch.no_grad():
                nodes.clamp_(0, 1)
            whole = shape.whole(nodes)
            step(1)
    return whole.detach().reshape(len(classes), len(areas), *whole.shape[1:])


def _sorted_masks(areas: tuple[float, ...], pixels: int, like: Tensor) -> Tensor:
    """What sorted masks of these areas should be: zeros, then ones; (A, pixels)."""
    zeros = torch.tensor([int(pixels * (1 - area)) for area in areas], device=like.device)
    return (torch.arange(pixels, device=like.device) >= zeros[:, None]).to(like.dtype)
