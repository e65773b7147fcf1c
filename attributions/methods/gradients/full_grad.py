"""FullGrad: the gradient to the image together with what every bias adds to the score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....base import RaybenchError
from ...arithmetic import forward_pass
from ...interface import NetworkLike, attribution
from ...layers.watching import tried, undisturbed
from ...queries import by_image, check_classes, check_logits, check_queries

Use = TypeVar("Use")

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class _Biased(NamedTuple):
    """A layer's output and the bias that it has added, in a shape that fits one row of the output."""

    output: Tensor
    bias: Tensor


@contextmanager
def _biased_outputs(module: nn.Module) -> Iterator[list[_Biased]]:
    """While open, note the outputs of all layers that add a bias, in order; calls count, not layers."""
    found: list[_Biased] = []

    def note(layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        bias = _bias(layer)
        if bias is not None and output.requires_grad:  # not of tables that no picture goes into
            channels_last = isinstance(layer, nn.Linear)
            found.append(_Biased(output, bias if channels_last else bias.view(-1, *[1] * (output.ndim - 2))))
        return output.clone()  # the network may go on in place

    kinds = (nn.Conv2d, nn.Linear, *_NORMS)
    handles = [part.register_forward_hook(note) for part in module.modules() if isinstance(part, kinds)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _bias(layer: Any) -> Tensor | None:
    """What a layer adds; of a batch normalisation in eval mode beta - gamma mean / sqrt(variance + eps)."""
    if not isinstance(layer, _NORMS):
        bias: Tensor | None = layer.bias
        return bias
    if layer.running_mean is None or layer.running_var is None:
        return None
    bias = -layer.running_mean * (layer.running_var + layer.eps).rsqrt()
    return bias if layer.weight is None else layer.bias + layer.weight * bias


class FullGradients(NamedTuple):
    """Gradients of one class's score of an image.

    Attributes:
        score: the logit.
        pixels: (3, H, W), input times gradient.
        biases: per bias of a layer, (C, h, w) or (C,): bias times the gradient of the layer's output.
    """

    score: float
    pixels: Tensor
    biases: list[Tensor]

    @property
    def total(self) -> float:
        """What pixels and biases add up to: the score, if all but ReLUs and maxima is linear."""
        return float(self.pixels.double().sum() + sum(one.double().sum() for one in self.biases))


def full_gradients(
    network: NetworkLike, image: Tensor, classes: Tensor, use: Callable[[FullGradients], Use]
) -> list[Use]:
    """Decompose the scores of K classes of an image (3, H, W), by one forward and K backward passes.

    `use` is told of each class in turn, and what it returns is returned: all layers' parts take much memory.
    """
    module = network.module
    with undisturbed(module), _biased_outputs(module) as biased:
        pixels = image.detach()[None].clone().requires_grad_()
        with forward_pass(image.device):
            logits = module(pixels.clone())
        check_logits(logits, 1)
        check_classes(logits, classes)
        sources = [pixels, *(one.output for one in biased)]

        def decomposed(index: int) -> FullGradients:
            received = torch.autograd.grad(logits[0, index], sources, retain_graph=True, allow_unused=True)
            parts = [
                (one.bias.detach() * gradient)[0]
                for one, gradient in zip(biased, received[1:], strict=True)
                if gradient is not None
            ]
            return FullGradients(float(logits[0, index].detach()), (pixels * received[0])[0].detach(), parts)

        return [use(decomposed(index)) for index in classes.tolist()]


def _adds_up(network: NetworkLike) -> None:
    """Refuse networks in which gradients and biases do not add up to the score, seen on one picture."""
    tried(network, lambda blank: _check_sum(network, blank))


def _check_sum(network: NetworkLike, blank: Tensor) -> None:
    image = torch.randn(blank.shape[1:], generator=torch.Generator().manual_seed(0)).to(blank)
    zero = torch.zeros(1, dtype=torch.int64, device=blank.device)
    (found,) = full_gradients(network, image, zero, lambda parts: parts)
    parts = float(found.pixels.abs().sum()) + sum(float(one.abs().sum()) for one in found.biases)
    if abs(found.total - found.score) > 1e-3 * abs(found.score) + 1e-5 * parts:
        raise RaybenchError(
            "full_grad needs a network that is linear but for ReLUs and maxima: gradients and biases add up "
            f"to {found.total:.4g}, the score is {found.score:.4g}; choose input_x_gradient or gradient"
        )


@attribution(
    "full_grad",
    smoothed=True,
    source="Srinivas & Fleuret, NeurIPS 2019",
    family="gradient",
    check=_adds_up,
    fits="ReLUs alone, no attention",
)
def full_grad(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """FullGrad: input times gradient and bias times gradient of all layers, each brought to 0..1, summed.

    Absolute values are scaled to 0..1 over a layer's whole tensor, enlarged bilinearly to the picture and
    summed over channels. Biases of linear layers have no place and are left out, as in the authors' code.

    Args:
        network: a classifier that is linear but for ReLUs and maxima.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.

    Returns:
        (N, H, W) float32, non-negative.

    Raises:
        RaybenchError: gradients and biases of the network do not add up to its scores.

    Source: Srinivas & Fleuret, "Full-Gradient Representation for Neural Network Visualization", NeurIPS 2019.
    """
    check_queries(images, image_index, class_index)

    def saliency(found: FullGradients) -> Tensor:
        maps = [one for one in (found.pixels, *found.biases) if one.ndim == 3]
        return torch.stack([_as_saliency(one, images.shape[2:]) for one in maps]).sum(dim=0)

    maps = images.new_zeros((len(image_index), *images.shape[2:]), dtype=torch.float32)
    for image, queries in by_image(image_index):
        maps[queries] = torch.stack(full_gradients(network, images[image], class_index[queries], saliency))
    return maps


def _as_saliency(tensor: Tensor, size: torch.Size) -> Tensor:
    """Bring absolute values (C, h, w) to 0..1 and enlarge them: (H, W), summed over channels."""
    values = tensor.abs()
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low) if high > low else torch.zeros_like(values)
    # bilinear enlargement is linear: one map, instead of one per channel
    total = scaled.sum(dim=0)[None, None]
    large: Tensor = F.interpolate(total, tuple(size), mode="bilinear", align_corners=False)[0, 0]
    return large.float()
