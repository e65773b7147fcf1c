"""LeGrad: what the class that could be read behind each block owes to that block's attention."""

from __future__ import annotations

from contextlib import ExitStack
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...interface import NetworkLike, attribution
from ...layers.blocks import blocks_of
from ...layers.global_attention import GlobalAttention, attends_globally, read_attention
from ...layers.layouts import as_maps
from ...layers.watching import altering, tried, undisturbed
from ...queries import Portion, check_logits, check_queries, in_order, one_hot, portions


def _reads_behind_blocks(network: NetworkLike) -> None:
    """Raise `RaybenchError` unless a class can be read behind each block."""
    attends_globally(network)
    tried(network, lambda blank: _read_behind_blocks(network.module, blank.requires_grad_()))


@attribution(
    "le_grad",
    source="Bousselham et al., ICCV 2025",
    family="attention",
    check=_reads_behind_blocks,
    fits="attention over whole pictures",
)
def le_grad(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """LeGrad: how much attention to a patch would raise the class, were it read behind each block.

    The sum over blocks l of the mean over heads and rows of (ds_l / dA_l)+, where s_l is the score that the
    rest of the network behind the last block gives to the tokens behind block l, and A_l its attention.

    Args:
        network: a vision transformer.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.

    Returns:
        (N, h, w) float32 on the grid of patches, non-negative.

    Raises:
        RaybenchError: the network has no attention between all tokens, or no layers that are its blocks.

    Source: Bousselham, Boggust, Chaybouti, Strobelt & Kuehne, "LeGrad: An Explainability Method for Vision
    Transformers via Feature Formation Sensitivity", ICCV 2025. For CLIP its authors average tokens ahead of
    the last normalisation; here they are read as the network reads them.
    """
    check_queries(images, image_index, class_index)
    parts = portions(images.detach(), image_index)
    with undisturbed(network.module):
        maps = [_maps(network.module, part, class_index[part.queries]) for part in parts]
    return in_order(parts, maps).float().contiguous()


class _Behind(NamedTuple):
    """Scores behind each block.

    Attributes:
        scores: (blocks, n, C).
        attention: of each block, on which its scores alone depend.
    """

    scores: Tensor
    attention: GlobalAttention


def _read_behind_blocks(module: nn.Module, pixels: Tensor) -> _Behind:
    """Run a network so that the rest of it, behind the last block, reads the tokens behind every block."""
    names = blocks_of(module, pixels[:1].detach())
    behind: list[Tensor] = []

    def begin_anew(tokens: Tensor) -> Tensor:
        behind.append(tokens)
        return tokens.detach().requires_grad_()

    def read_all(tokens: Tensor) -> Tensor:
        return torch.cat([*behind, tokens])

    with ExitStack() as stack:
        for name in names[:-1]:
            stack.enter_context(altering(module, name, begin_anew))
        stack.enter_context(altering(module, names[-1], read_all))
        found = read_attention(module, pixels.clone())  # it may begin with an in-place operation
    check_logits(found.logits, len(names) * len(pixels))
    return _Behind(found.logits.reshape(len(names), len(pixels), *found.logits.shape[1:]), found)


def _maps(module: nn.Module, part: Portion, class_index: Tensor) -> Tensor:
    """Maps of some queries (n, h, w), by one forward pass where all ask about one image."""
    alone = len(part.images) == 1
    pixels = (part.images.clone() if alone else part.images[part.image_index]).requires_grad_()
    scores, attention = _read_behind_blocks(module, pixels)
    received = one_hot(scores[0].expand(len(class_index), -1), class_index)
    maps = []
    for rows in torch.split(received, len(pixels)):
        gradients = torch.autograd.grad(scores, attention.blocks, rows.expand_as(scores), retain_graph=True)
        raising = [one.double().clamp(min=0).mean(dim=(1, 2)) for one in gradients]  # (n, L)
        total = torch.stack(raising).sum(dim=0)
        maps.append(as_maps(total[..., None], attention.grid)[:, 0])
    return torch.cat(maps)
