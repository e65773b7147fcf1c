"""The blocks of a transformer: which layers hold one attention each."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from .attention import AttentionCapture
from .watching import undisturbed

_BLOCKS: WeakKeyDictionary[nn.Module, tuple[str, ...]] = WeakKeyDictionary()


def blocks_of(module: nn.Module, image: Tensor) -> tuple[str, ...]:
    """Names of the layers that give the tokens (1, L, C) behind each attention, in order.

    Of the layers in which one attention alone runs, the outermost is a block; found once per network.

    Args:
        module: the network.
        image: (1, 3, H, W), to try it on.

    Raises:
        RaybenchError: some attention runs in no such layer.
    """
    if module not in _BLOCKS:
        _BLOCKS[module] = _found(module, image)
    return _BLOCKS[module]


def _found(module: nn.Module, image: Tensor) -> tuple[str, ...]:
    capture = AttentionCapture()
    begun: list[int] = []
    holders: dict[int, str] = {}

    def enter(_part: nn.Module, _inputs: Any) -> None:
        begun.append(len(capture.probabilities))

    def leave(name: str, output: Any) -> None:
        first, seen = begun.pop(), len(capture.probabilities)
        if seen != first + 1 or not isinstance(output, Tensor) or output.ndim != 3:
            return
        if output.shape[1] == capture.probabilities[first].shape[-1]:
            holders[first] = name  # those around it leave later

    with ExitStack() as stack:
        for name, part in module.named_modules():
            stack.callback(part.register_forward_pre_hook(enter).remove)
            hook = part.register_forward_hook(lambda _part, _in, output, name=name: leave(name, output))
            stack.callback(hook.remove)
        stack.enter_context(undisturbed(module))
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        with torch.no_grad(), capture:
            module(image)
    if len(holders) != len(capture.probabilities):
        raise RaybenchError(
            "the network's attention runs in no layers that return their tokens alone, so that no class can "
            "be read behind each; choose a method that follows attention, such as attention_rollout"
        )
    return tuple(holders[number] for number in sorted(holders))
