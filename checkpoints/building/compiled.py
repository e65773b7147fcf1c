"""Compiles a network stage by stage, so that its layers can still be watched."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import torch
from torch import nn

Compile = Literal["no", "stages", "graphs"]
"""`stages`: `torch.compile`; `graphs`: the same with CUDA graphs, which pay where few shapes repeat."""


def compile_stages(module: nn.Module, watched: Collection[str], how: Compile, **options: Any) -> list[str]:
    """Compile the largest parts of a network that have no watched layer inside.

    Attribution methods read layers through hooks, which compiled code does not call; a hook on a compiled
    part itself still works. The network computes the same up to rounding.

    Args:
        module: the network; its parts get compiled `forward` functions.
        watched: dotted names of the layers that methods read.
        how: `stages` or `graphs`; with `no` nothing happens.
        **options: for `torch.compile`, such as `backend`.

    Returns:
        Dotted names of the compiled parts.
    """
    if how == "no":
        return []
    from torch._dynamo import config as compiler
    from torch._functorch import config as gradients

    if how == "graphs":
        options = {"mode": "reduce-overhead", **options}
        # one step of the network, not one stage, may overwrite what the step before left in its buffers
        module.register_forward_pre_hook(_begin_step)
    found = _parts(module, watched)
    # parts of one kind share a limit on the shapes that they are compiled for; beyond it nothing is compiled
    limit = "recompile_limit" if hasattr(compiler, "recompile_limit") else "cache_size_limit"
    setattr(compiler, limit, max(getattr(compiler, limit), 16 * len(found)))
    # a graph is run backward once per class
    gradients.donated_buffer = False
    compiled = []
    for name, part in found:
        part.forward = torch.compile(part.forward, **options)
        compiled.append(name)
    return compiled


def _begin_step(*_: Any) -> None:
    torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]


def _parts(module: nn.Module, watched: Collection[str], prefix: str = "") -> list[tuple[str, nn.Module]]:
    found = []
    for name, part in module.named_children():
        full = f"{prefix}{name}"
        if any(layer.startswith(f"{full}.") for layer in watched):
            found += _parts(part, watched, f"{full}.")
        elif any(True for _ in part.parameters()):
            found.append((full, part))
    return found
