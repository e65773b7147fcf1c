"""The Grad-CAM consistency loss: the heat of an image stays the same when it becomes part of a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...attributions import layer_of
from ...base import RaybenchError

_EPSILON = 1e-8


class FeaturesAndLogits(NamedTuple):
    """What a pass gives: features (N, K, h, w) at the target layer, and logits (N, C)."""

    features: Tensor
    logits: Tensor


class ConsistencyTerms(NamedTuple):
    """What one pass over images and grids gives.

    Attributes:
        logits: (N, C) of the plain images, for the classification loss: they need no second pass.
        consistency: the loss, a scalar of 0 or more.
    """

    logits: Tensor
    consistency: Tensor


def consistency_loss(
    module: nn.Module,
    target_layer: str,
    images: Tensor,
    grids: Tensor,
    classes: Tensor,
    quadrants: Tensor,
    *,
    rows: Tensor | None = None,
    gradient: Literal["auto", "closed", "autograd"] = "auto",
    resize_maps: bool = False,
    run: Callable[[Tensor], FeaturesAndLogits] | None = None,
) -> ConsistencyTerms:
    """Compare the Grad-CAM maps of images with those of grids that hold them.

    The map of a grid should equal the image's own map in the image's quadrant and be empty in the others,
    which show other classes. The gradient flows through both maps.

    Args:
        module: a classifier that pools adaptively, so that images and grids both pass.
        target_layer: dotted name of the last convolutional stage.
        images: (N, 3, H, W) float.
        grids: (M, 3, 2H, 2W) float, each with the image of the same row in one quadrant; see `make_grids`.
        classes: (M,) int64, the class whose maps are compared.
        quadrants: (M,) int64: 0 top left, 1 top right, 2 bottom left, 3 bottom right.
        rows: (M,) positions of the images that the grids hold; by default all, and M is N.
        gradient: how the scores' derivative is found: `closed` for a head of global pooling and one linear
            layer, where the layer's weight says it; `autograd` for any head, by differentiating twice; `auto`
            takes the closed form where the head's layers give the logits of this pass.
        resize_maps: bring the normalised maps to the input's size before comparing, as published for AlexNet.
        run: how the module is run, where it is not to be called itself, such as a compiled `Tapped`.

    Raises:
        UnknownNameError: the module has no layer of that name.
        ValueError: `closed` was asked for, and the head is another.
        RaybenchError: the maps of grids are not twice as large as those of images.

    Source: Pillai & Pirsiavash, Explainable Models with Consistent Interpretations, AAAI 2021.
    """
    head = None if gradient == "autograd" else linear_head(module, target_layer)
    if gradient == "closed" and head is None:
        raise ValueError(f"the head behind {target_layer!r} is not global pooling and one linear layer")
    with tapped(module, target_layer) if run is None else nullcontext(run) as forward:
        features, logits = forward(images)
        grid_features, grid_logits = forward(grids)
    if gradient == "auto" and head is not None and not head.gives(logits, features):
        head = None
    # products of features and gradients are too small for 16 bits
    with torch.autocast(images.device.type, enabled=False):
        gradients = _score_gradients(head, features, logits, classes, rows)
        grid_gradients = _score_gradients(head, grid_features, grid_logits, classes, None)
        own = features if rows is None else features[rows]
        maps = normalised_grad_cam(own, gradients, images.shape[2:] if resize_maps else None)
        grid_maps = normalised_grad_cam(
            grid_features, grid_gradients, grids.shape[2:] if resize_maps else None
        )
        targets = place_in_quadrants(maps, quadrants)
        if grid_maps.shape != targets.shape:
            raise RaybenchError(
                f"images of {images.shape[2]} pixels have maps of {maps.shape[1]}, but grids of "
                f"{grids.shape[2]} have maps of {grid_maps.shape[1]}, which is not twice as many; choose a "
                "crop that is a multiple of the network's stride, such as of 32"
            )
        return ConsistencyTerms(logits, (grid_maps - targets).abs().mean())


def normalised_grad_cam(features: Tensor, gradients: Tensor, size: Sequence[int] | None = None) -> Tensor:
    """Element-wise Grad-CAM maps (N, h, w) that sum to one, from features and gradients (N, K, h, w).

    The gradients may be (N, K, 1, 1), the same at all places. A map without positive relevance is uniform.
    With `size`, (height, width), the maps are then brought to that size bilinearly, which keeps their values
    and so multiplies their sum: as published, so that one weight of the loss fits maps of any size. The maps
    are float32, or float64 where the features are.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    relevance = (features.to(dtype) * gradients.to(dtype)).sum(dim=1).relu()
    maps = relevance / (relevance.sum(dim=(1, 2), keepdim=True) + _EPSILON) + _EPSILON
    if size is None:
        return maps
    return F.interpolate(maps[:, None], list(size), mode="bilinear", align_corners=False)[:, 0]


def place_in_quadrants(maps: Tensor, quadrants: Tensor) -> Tensor:
    """Put each map (N, h, w) into its quadrant of an otherwise empty map: (N, 2h, 2w)."""
    count, height, width = maps.shape
    empty = maps.new_zeros(count, 4, height, width)
    rows = torch.arange(count, device=maps.device)
    placed = empty.index_put((rows, quadrants), maps)
    return placed.view(count, 2, 2, height, width).transpose(2, 3).reshape(count, 2 * height, 2 * width)


class LinearHead(NamedTuple):
    """A head that pools globally, by average or maximum, and classifies with one linear layer.

    There the derivative of a score by the features is known without a backward pass, so that the loss needs
    no second-order derivatives.
    """

    pooling: nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d
    classifier: nn.Linear

    @torch.no_grad()
    def gives(self, logits: Tensor, features: Tensor) -> bool:
        """Say whether the two layers are all that lies between features (N, K, h, w) and logits (N, C).

        A network's children do not show what its `forward` does between them, such as dropout or a ReLU.
        """
        tolerance = 1e-3 if logits.dtype in (torch.float32, torch.float64) else 3e-2
        weight = self.classifier.weight
        with torch.autocast(features.device.type, enabled=False):
            expected = self.classifier(self.pooling(features.to(weight.dtype)).flatten(1))
        scale = expected.abs().amax() + _EPSILON
        return bool((expected - logits).abs().amax() <= tolerance * scale)

    def gradients(self, features: Tensor, classes: Tensor) -> Tensor:
        """Derivative of each row's class score by its features (N, K, h, w): as large, or (N, K, 1, 1)."""
        weight = self.classifier.weight[classes][:, :, None, None]
        if isinstance(self.pooling, nn.AdaptiveAvgPool2d):
            return weight / features[0, 0].numel()
        _, peaks = F.adaptive_max_pool2d(features, 1, return_indices=True)
        gradients = weight.new_zeros(features.shape).flatten(2)
        return gradients.scatter(2, peaks.flatten(2), weight.flatten(2)).view(features.shape)


def linear_head(module: nn.Module, target_layer: str) -> LinearHead | None:
    """Return the head if the module ends in the target layer, global pooling and one linear layer."""
    children = list(module.named_children())
    names = [name for name, _ in children]
    if target_layer not in names:
        return None
    tail = [
        child for _, child in children[names.index(target_layer) + 1 :] if not isinstance(child, nn.Flatten)
    ]
    match tail:
        case [nn.AdaptiveAvgPool2d() | nn.AdaptiveMaxPool2d() as pooling, nn.Linear() as classifier]:
            return LinearHead(pooling, classifier) if pooling.output_size in (1, (1, 1)) else None
    return None


def _score_gradients(
    head: LinearHead | None, features: Tensor, logits: Tensor, classes: Tensor, rows: Tensor | None
) -> Tensor:
    """Derivative of the rows' class scores by their features: (M, K, h, w) or (M, K, 1, 1)."""
    if head is not None:
        return head.gradients(features if rows is None else features[rows], classes)
    scores = (logits if rows is None else logits[rows]).gather(1, classes[:, None]).sum()
    (gradients,) = torch.autograd.grad(scores, features, create_graph=True)
    return gradients if rows is None else gradients[rows]


class Tapped(nn.Module):
    """A network that returns the features of its target layer beside its logits.

    It hooks into the layer until `close` is called. torch.compile takes it as a whole, which it does not a
    hook that comes and goes.
    """

    def __init__(self, network: nn.Module, target_layer: str) -> None:
        """Hook into the layer.

        Raises:
            UnknownNameError: the network has no layer of that name.
        """
        super().__init__()
        self.network = network
        self._outputs: list[Tensor] = []
        self._handle = layer_of(network, target_layer).register_forward_hook(self._keep)

    def forward(self, images: Tensor) -> FeaturesAndLogits:
        """Run the network once."""
        logits = self.network(images)
        return FeaturesAndLogits(self._outputs.pop(), logits)

    def _keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self._outputs.clear()  # of a pass that was not run through here, such as one of validation
        self._outputs.append(output)

    def close(self) -> None:
        """Leave the network as it was."""
        self._outputs.clear()
        self._handle.remove()


@contextmanager
def tapped(network: nn.Module, target_layer: str) -> Iterator[Tapped]:
    """Open a `Tapped` for a while; the network is left as it was."""
    tap = Tapped(network, target_layer)
    try:
        yield tap
    finally:
        tap.close()
