"""Weight files as others write them, and what a network got of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from raybench.checkpoints import Network, load_network

Tensors = dict[str, Tensor]


def loaded(write_card: Callable[..., Path], content: object, **changes: object) -> Network:
    """Save `content` as the weights of a card, and load the network."""
    card = write_card(**changes)
    torch.save(content, card.parent / "tiny.pth")
    return load_network(card)


def holds(module: nn.Module, tensors: Tensors) -> bool:
    """Whether these are the network's weights."""
    state = module.state_dict()
    return all(torch.equal(state[name].float(), tensor.float()) for name, tensor in tensors.items())
