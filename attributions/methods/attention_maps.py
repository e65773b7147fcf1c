"""Attention maps: where a vision transformer's tokens look, whatever the class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ..arithmetic import forward_pass
from ..interface import NetworkLike, Passes, attribution
from ..queries import check_queries, portions
from ..reading.attention import AttentionCapture
from ..reading.capture import undisturbed
from ..reading.tokens import TokenGrid, as_maps, convolved_sizes, token_grid
from ..sharing import shared

__all__ = ["attention_rollout", "raw_attention"]


def _one_forward(_options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=1)


def _attends_globally(network: NetworkLike) -> None:
    """Raise `RaybenchError` if a network's attention cannot be followed from block to block."""
    first = next(network.module.parameters())
    size = network.input_size or (224, 224)
    blank = torch.zeros(1, 3, *size, dtype=first.dtype, device=first.device)
    try:
        _attention(network.module, blank)
    except (RaybenchError, torch.OutOfMemoryError):
        raise
    except Exception:  # it takes other pictures than this one; those of the dataset will tell
        return


@attribution(
    "attention_rollout",
    source="Abnar & Zuidema, ACL 2020",
    class_independent=True,
    passes=_one_forward,
    check=_attends_globally,
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
    check=_attends_globally,
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


class _Attention(NamedTuple):
    """Attention of some images: per block (B, L, L) float64, mean over heads; and where tokens lie."""

    blocks: list[Tensor]
    grid: TokenGrid


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

    def ask() -> list[_Attention]:
        every = torch.arange(len(images), device=images.device)
        return [_attention(module, part.images) for part in portions(images.detach(), every)]

    found = shared("attention", (module, images), ask)
    with torch.inference_mode(False), torch.no_grad():
        start = _rows_read(module, images, *found[0])
        maps = [as_maps(follow(start, part.blocks).transpose(1, 2), part.grid)[:, 0] for part in found]
        return torch.cat(maps)[image_index].float()


def _attention(module: nn.Module, images: Tensor) -> _Attention:
    """Run a network on images (B, 3, H, W) and read its attention."""
    with (
        undisturbed(module),
        torch.no_grad(),
        forward_pass(images.device),
        torch.compiler.set_stance("force_eager"),  # compiled code calls nothing that could be seen
        convolved_sizes(module) as sizes,
        AttentionCapture() as capture,
    ):
        module(images)
    _check_global(capture.probabilities, len(images))
    blocks = [one.double().mean(dim=1) for one in capture.probabilities]
    return _Attention(blocks, token_grid(blocks[-1].shape[-1], sizes))


def _check_global(probabilities: Sequence[Tensor], n_images: int) -> None:
    """Raise `RaybenchError` unless every block's attention is between the same tokens: (B, heads, L, L)."""
    hint = "choose a method that reads no attention, such as gradient"
    if not probabilities:
        raise RaybenchError(f"the network has no attention between tokens that could be followed; {hint}")
    rows = max(len(one) for one in probabilities)
    if rows != n_images:
        raise RaybenchError(
            f"the network attends within windows or other parts of the picture ({rows} for {n_images} images "
            f"in one block), and attention can be followed over whole pictures alone; {hint}"
        )
    sizes = {f"{one.shape[2]} x {one.shape[3]}": one.shape[2] == one.shape[3] for one in probabilities}
    if len(sizes) > 1 or not all(sizes.values()):
        raise RaybenchError(
            f"the network's attention is between tokens of several kinds ({', '.join(sizes)}), and can be "
            f"followed between the same tokens alone; {hint}"
        )


_READ_BY_CLASS_TOKEN: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def _rows_read(module: nn.Module, images: Tensor, blocks: Sequence[Tensor], grid: TokenGrid) -> Tensor:
    """Weights (1, 1, L) of the tokens that class scores are read from: the class token, or all patches."""
    weights = torch.zeros_like(blocks[-1][:1, :1])
    if grid.prefix and _reads_class_token(module, images[:1], grid.prefix):
        weights[..., 0] = 1
    else:
        weights[..., grid.prefix :] = 1 / (weights.shape[-1] - grid.prefix)
    return weights


def _reads_class_token(module: nn.Module, image: Tensor, prefix: int) -> bool:
    """Say whether no patch's row of the last attention matters for the scores; tried once per network.

    Behind the last block a network looks at its class token alone, or at the mean of its patches: what the
    other rows attended to is lost, and the gradient there is exactly zero.
    """
    if module not in _READ_BY_CLASS_TOKEN:
        with (
            undisturbed(module),
            forward_pass(image.device),
            torch.compiler.set_stance("force_eager"),
            AttentionCapture() as capture,
        ):
            best = module(image.detach().clone().requires_grad_()).max()
        (gradient,) = torch.autograd.grad(best, capture.probabilities[-1])
        _READ_BY_CLASS_TOKEN[module] = not bool(gradient[:, :, prefix:].any())
    return _READ_BY_CLASS_TOKEN[module]
