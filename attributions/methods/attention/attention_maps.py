"""Attention maps: where a vision transformer's tokens look, whatever the class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...interface import NetworkLike, Passes, attribution
from ...layers.global_attention import GlobalAttention, attends_globally, read_attention, rows_read
from ...layers.layouts import as_maps
from ...layers.watching import undisturbed
from ...queries import check_queries, portions
from ...sharing import shared


def _one_forward(_options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=1)


@attribution(
    "attention_rollout",
    source="Abnar & Zuidema, ACL 2020",
    class_independent=True,
    passes=_one_forward,
    check=attends_globally,
    fits="attention over whole pictures",
    family="attention",
)
def attention_rollout(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor
) -> Tensor:
    """Attention rollout: attention followed through all blocks, prod_l (mean_h A_l + I) / 2.

    The same map for every class. It is read in the row of the class token; for a network that averages its
    patches instead, in the mean of the patches' rows.

    Args:
        network: a vision transformer.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query; the maps do not depend on it.

    Returns:
        (N, h, w) float32 on the grid of patches, non-negative.

    Raises:
        RaybenchError: the network has no attention, or only within windows or between tokens of two kinds.

    Source: Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020: heads are averaged and
    half of each block is its skip connection. Later blocks stand on the left of the product.
    """
    return _maps(network, images, image_index, class_index, _rolled_out)


@attribution(
    "raw_attention",
    source="Dosovitskiy et al., ICLR 2021",
    class_independent=True,
    passes=_one_forward,
    check=attends_globally,
    fits="attention over whole pictures",
    family="attention",
)
def raw_attention(network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor) -> Tensor:
    """Raw attention: how much the class token attends to each patch in the last block, mean over heads.

    Arguments and result as for `attention_rollout`.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021.
    """
    return _maps(network, images, image_index, class_index, lambda start, blocks: start @ blocks[-1])


def _rolled_out(start: Tensor, blocks: Sequence[Tensor]) -> Tensor:
    """Follow rows (1, 1, L) down through attention (B, L, L), the last block first."""
    for attention in reversed(blocks):
        start = start / (attention.sum(dim=-1) + 1)[:, None]
        start = start @ attention + start
    return start


def _maps(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    follow: Callable[[Tensor, Sequence[Tensor]], Tensor],
) -> Tensor:
    """Read the map of each query, by one forward pass per image."""
    check_queries(images, image_index, class_index)
    module = network.module

    def ask() -> list[GlobalAttention]:
        every = torch.arange(len(images), device=images.device)
        return [_mean_attention(module, part.images) for part in portions(images.detach(), every)]

    found = shared("attention", (module, images), ask)
    start = rows_read(module, images, found[0].blocks[-1].shape[-1], found[0].grid)
    with torch.inference_mode(False), torch.no_grad():
        maps = [as_maps(follow(start, part.blocks).transpose(1, 2), part.grid)[:, 0] for part in found]
        return torch.cat(maps)[image_index].float()


def _mean_attention(module: nn.Module, images: Tensor) -> GlobalAttention:
    """Run a network on images and read its attention, per block (B, L, L) float64: the mean over heads."""
    with undisturbed(module), torch.no_grad():
        found = read_attention(module, images)
        return found._replace(blocks=[one.double().mean(dim=1) for one in found.blocks])
