"""Attention between all tokens of a picture, block by block, and which tokens scores are read from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ..arithmetic import forward_pass
from ..interface import NetworkLike
from .attention import AttentionCapture
from .layouts import Layout
from .tokens import convolved_sizes, token_grid
from .watching import tried, undisturbed


class GlobalAttention(NamedTuple):
    """What a transformer attended to.

    Attributes:
        logits: (B, C).
        blocks: attention of each block (B, heads, L, L); part of the logits' graph if gradients are on.
        grid: where the L tokens lie.
    """

    logits: Tensor
    blocks: list[Tensor]
    grid: Layout


def read_attention(module: nn.Module, images: Tensor) -> GlobalAttention:
    """Run an undisturbed network on images (B, 3, H, W) and read its attention.

    Raises:
        RaybenchError: it has none, or only within windows or between tokens of two kinds.
    """
    with (
        forward_pass(images.device),
        torch.compiler.set_stance("force_eager"),  # compiled code calls nothing that could be seen
        convolved_sizes(module) as sizes,
        AttentionCapture() as capture,
    ):
        logits = module(images)
    _check_global(capture.probabilities, len(images))
    return GlobalAttention(
        logits, capture.probabilities, token_grid(capture.probabilities[-1].shape[-1], sizes)
    )


def attends_globally(network: NetworkLike) -> None:
    """Raise `RaybenchError` if a network's attention cannot be followed from block to block."""

    def trial(blank: Tensor) -> None:
        with torch.no_grad():
            read_attention(network.module, blank)

    tried(network, trial)


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


def rows_read(module: nn.Module, images: Tensor, length: int, grid: Layout) -> Tensor:
    """Weights (1, 1, L) float64 of the tokens that scores are read from: the class token, or all patches.

    Args:
        module: the network.
        images: (B, 3, H, W); the first is tried.
        length: L, of the row of tokens.
        grid: where they lie.
    """
    weights = torch.zeros(1, 1, length, dtype=torch.float64, device=images.device)
    if grid.prefix and _reads_class_token(module, images[:1], grid.prefix):
        weights[..., 0] = 1
    else:
        weights[..., grid.prefix :] = 1 / (length - grid.prefix)
    return weights


def _reads_class_token(module: nn.Module, image: Tensor, prefix: int) -> bool:
    """Say whether no patch's row of the last attention matters for the scores; tried once per network.

    Behind the last block a network looks at its class token alone, or at the mean of its patches: what the
    other rows attended to is lost, and the gradient there is exactly zero.
    """
    if module not in _READ_BY_CLASS_TOKEN:
        with undisturbed(module):
            logits, blocks, _ = read_attention(module, image.detach().clone().requires_grad_())
            (gradient,) = torch.autograd.grad(logits.max(), blocks[-1])
        _READ_BY_CLASS_TOKEN[module] = not bool(gradient[:, :, prefix:].any())
    return _READ_BY_CLASS_TOKEN[module]
