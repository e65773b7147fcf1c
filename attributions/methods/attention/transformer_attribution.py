"""Transformer attribution: relevance of attention, weighed by gradients and followed through all blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...arithmetic import denormals_flushed
from ...asking.rules import calls
from ...asking.rules.backward_rules import Rules, Table, passed, rows, scaled, uncompiled, weighted
from ...asking.rules.linear_rules import LinearRule, Share, Term, negative, positive, stabilised
from ...asking.rules.multipliers import HandDown, replaced
from ...interface import NetworkLike, Passes, attribution
from ...layers.global_attention import GlobalAttention, attends_globally, read_attention, rows_read
from ...layers.layouts import as_maps
from ...layers.watching import undisturbed
from ...queries import Portion, check_logits, check_queries, in_order, one_hot, portions
from .attention_relevance import followed

_DIVIDE = stabilised(1e-9)
_PLUS: LinearRule = (Share((Term(positive, positive), Term(negative, negative)), _DIVIDE),)


def _two_passes(_options: Mapping[str, Any]) -> Passes:
    """One for gradients and one for relevance, which computes each linear layer once more."""
    return Passes(forwards_per_image=3, backwards_per_query=3)


@attribution(
    "transformer_attribution",
    source="Chefer et al., CVPR 2021",
    family="attention",
    passes=_two_passes,
    check=attends_globally,
    fits="attention over whole pictures",
)
def transformer_attribution(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor
) -> Tensor:
    """Transformer attribution: relevance of attention that raises the score, followed through all blocks.

    The product over blocks of I + mean_h (dy/dA * R)+, where R (heads, L, L) is the relevance that reaches
    the attention A of the block. Relevance begins as one at the class. A linear layer hands it down by the
    positive contributions x+ w+ + x- w-, without the bias; of a product of two matrices each gets one half; a
    sum of two branches is shared in proportion, and then so that each branch gets of the whole what its part
    has of both in absolute value; softmax, activations and normalisations pass it on.

    Args:
        network: a vision transformer.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.

    Returns:
        (N, h, w) float32 on the grid of patches, non-negative.

    Raises:
        RaybenchError: the network has no attention, or only within windows or between tokens of two kinds.

    Source: Chefer, Gur & Wolf, "Transformer Interpretability Beyond Attention Visualization", CVPR 2021. Read
    in the row of the class token; for a network that averages its patches, in the mean of theirs.
    """
    check_queries(images, image_index, class_index)
    parts = portions(images.detach(), image_index)
    with undisturbed(network.module), denormals_flushed():
        maps = [_maps(network.module, part, class_index[part.queries]) for part in parts]
    return in_order(parts, maps).float().contiguous()


def _maps(module: nn.Module, part: Portion, class_index: Tensor) -> Tensor:
    """Maps of some queries (n, h, w)."""
    attention, relevance = _handed_to_attention(module, part, class_index, _TABLE)
    _, slopes = _handed_to_attention(module, part, class_index, {})
    start = rows_read(module, part.images, attention.blocks[-1].shape[-1], attention.grid)
    maps = [
        as_maps(followed(start, handed, slope).transpose(1, 2), attention.grid)[:, 0]
        for handed, slope in zip(relevance, slopes, strict=True)
    ]
    return torch.cat(maps)


def _handed_to_attention(
    module: nn.Module, part: Portion, class_index: Tensor, table: Table
) -> tuple[GlobalAttention, list[tuple[Tensor, ...]]]:
    """What each block's attention (n, heads, L, L) receives from the classes, by the rules of a table.

    Returns:
        The forward pass, and for each backward pass, one per query where all ask about one image, a tensor
        per block.
    """
    alone = len(part.images) == 1
    pixels = (part.images.clone() if alone else part.images[part.image_index]).requires_grad_()
    with torch.autocast(pixels.device.type, enabled=False), uncompiled(), Rules(table):
        found = read_attention(module, pixels.clone())  # it may begin with an in-place operation
    check_logits(found.logits, len(pixels))
    received = one_hot(found.logits.expand(len(class_index), -1), class_index)
    handed = [
        torch.autograd.grad(found.logits, found.blocks, rows, retain_graph=True)
        for rows in torch.split(received, max(len(pixels), 1))
    ]
    return found, handed


def _multiplied(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Hand down one half to each of two matrices, in proportion to what was added up in their product."""
    if kwargs or len(args) != 2 or not all(isinstance(one, Tensor) and one.requires_grad for one in args):
        return func(*args, **kwargs)

    def rule(product: Tensor, first: Tensor, second: Tensor) -> HandDown:
        def hand_down(received: Tensor) -> tuple[Tensor, Tensor]:
            share = _DIVIDE(received, product) / 2
            return first * (share @ second.transpose(-2, -1)), second * (first.transpose(-2, -1) @ share)

        return hand_down

    return replaced(func, rule, *args)


def _joined(_rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Share a sum of two branches, so that each gets of the whole what its part has in absolute value."""
    if kwargs or len(args) != 2 or not all(isinstance(one, Tensor) and one.requires_grad for one in args):
        return func(*args, **kwargs)
    if args[0].shape != args[1].shape:
        return func(*args, **kwargs)

    def rule(total: Tensor, first: Tensor, second: Tensor) -> HandDown:
        def hand_down(received: Tensor) -> tuple[Tensor, Tensor]:
            share = _DIVIDE(received, total)
            parts = share * first, share * second
            dims = tuple(range(1, received.ndim))
            sums = [part.sum(dims, keepdim=True) for part in parts]
            whole = received.sum(dims, keepdim=True) / (sums[0].abs() + sums[1].abs())
            first_part, second_part = (
                torch.where(one == 0, 0, part * whole * one.sign())
                for part, one in zip(parts, sums, strict=True)
            )
            return first_part, second_part

        return hand_down

    return replaced(func, rule, *args)


_TABLE: Table = {
    **rows((F.linear,), weighted(_PLUS)),
    **rows(calls.MATRIX_PRODUCTS, _multiplied),
    **rows(calls.SUMS, _joined),
    **rows(calls.PRODUCTS, scaled),
    **rows((*calls.SOFTMAXES, *calls.RELUS, *calls.ACTIVATIONS, *calls.NORMALISATIONS), passed()),
}
