"""Relevance of attention: where a vision transformer's tokens look, weighed by what it does to a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...interface import NetworkLike, attribution
from ...layers.global_attention import attends_globally, read_attention, rows_read
from ...layers.layouts import Layout, as_maps
from ...layers.watching import undisturbed
from ...queries import Portion, check_logits, check_queries, in_order, one_hot, portions
from ...sharing import shared


@attribution(
    "transformer_attribution_generic",
    source="Chefer et al., ICCV 2021",
    family="attention",
    check=attends_globally,
    fits="attention over whole pictures",
)
def transformer_attribution_generic(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor
) -> Tensor:
    """Generic transformer attribution: attention that raises the score, followed through all blocks.

    The product over blocks of I + mean_h (dy/dA * A)+, with attention A (heads, L, L) and the score y of the
    class. It is read in the row of the class token; for a network that averages its patches instead, in the
    mean of the patches' rows.

    Args:
        network: a vision transformer.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.

    Returns:
        (N, h, w) float32 on the grid of patches, non-negative.

    Raises:
        RaybenchError: the network has no attention, or only within windows or between tokens of two kinds.

    Source: Chefer, Gur & Wolf, "Generic Attention-Model Explainability for Interpreting Bi-Modal and
    Encoder-Decoder Transformers", ICCV 2021, for self-attention. Later blocks stand on the left of the
    product.
    """
    return _maps(network, images, image_index, class_index, lambda rows: rows.followed)


@attribution(
    "attention_gradient_cam",
    source="Chefer et al., CVPR 2021",
    family="attention",
    check=attends_globally,
    fits="attention over whole pictures",
)
def attention_gradient_cam(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor
) -> Tensor:
    """Grad-CAM of attention: what the class token attends to in the last block, heads weighed by gradients.

    (mean_h w_h A_h)+ in the row of the class token, where w_h is the mean over the patches of dy/dA_h in that
    row. No Grad-CAM of features. Arguments and result as for `transformer_attribution_generic`.

    Source: a baseline of Chefer, Gur & Wolf, "Transformer Interpretability Beyond Attention Visualization",
    CVPR 2021, who call it GradCAM.
    """
    return _maps(network, images, image_index, class_index, lambda rows: rows.weighed)


class _Rows(NamedTuple):
    """What the methods make of the same gradients: a value for each token of each query.

    Attributes:
        followed: (N, 1, L) float64, through all blocks.
        weighed: (N, 1, L) float64, in the last block.
        grid: where the tokens lie.
    """

    followed: Tensor
    weighed: Tensor
    grid: Layout


def _maps(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    choose: Callable[[_Rows], Tensor],
) -> Tensor:
    """Read the map of each query, by one forward pass per image and one backward pass per query."""
    check_queries(images, image_index, class_index)

    def ask() -> _Rows:
        parts = portions(images.detach(), image_index)
        with undisturbed(network.module):
            found = [
                rows for part in parts for rows in _of_part(network.module, part, class_index[part.queries])
            ]
        followed, weighed = (in_order(parts, rows) for rows in zip(*(one[:2] for one in found), strict=True))
        return _Rows(followed, weighed, found[0].grid)

    rows = shared("attention relevance", (network.module, images, image_index, class_index), ask)
    return as_maps(choose(rows).transpose(1, 2), rows.grid)[:, 0].float().contiguous()


def _of_part(module: nn.Module, part: Portion, class_index: Tensor) -> Iterator[_Rows]:
    """Yield the rows of some queries in order, by one forward pass where all ask about one image."""
    alone = len(part.images) == 1
    pixels = (part.images.clone() if alone else part.images[part.image_index]).requires_grad_()
    logits, blocks, grid = read_attention(module, pixels.clone())  # it may begin with an in-place operation
    check_logits(logits, len(pixels))
    start = rows_read(module, part.images, blocks[-1].shape[-1], grid)
    received = one_hot(logits.expand(len(class_index), -1), class_index)
    for scores in torch.split(received, max(len(pixels), 1)):
        gradients = torch.autograd.grad(logits, blocks, scores, retain_graph=True)
        with torch.no_grad():
            weighed = _weighed(start, blocks[-1].double(), gradients[-1].double(), grid.prefix)
            yield _Rows(followed(start, blocks, gradients), weighed, grid)


def followed(start: Tensor, blocks: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """Follow a row (1, 1, L) down through attention (n, heads, L, L), the last block first: (n, 1, L)."""
    row = start.expand(len(blocks[-1]), -1, -1)
    for attention, gradient in zip(reversed(blocks), reversed(gradients), strict=True):
        raising = (gradient * attention).clamp(min=0).mean(dim=1, dtype=torch.float64)
        row = row + row @ raising
    return row


def _weighed(start: Tensor, attention: Tensor, gradient: Tensor, prefix: int) -> Tensor:
    """Weigh the heads of attention (n, heads, L, L) in a row (1, 1, L) by their mean gradient: (n, 1, L)."""
    weights = (start[:, None] @ gradient)[..., prefix:].mean(dim=-1, keepdim=True)
    return (weights * (start[:, None] @ attention)).mean(dim=1).clamp(min=0)
