"""Picks the tensors that a card means out of what a file holds besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ...base import RaybenchError, few
from ..card import WeightSource

_PLAIN = (int, float, str, bool, type(None))


def select_tensors(
    content: dict[Any, Any], source: WeightSource, path: Path
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors by name, floating-point ones in float32, and what is to be said of the choice.

    The card may name the key that they are under. If it does not, and only one key holds tensors by name,
    that is it: trainers write their own state and the optimiser's beside.

    Raises:
        RaybenchError: there are none, or they might be under several keys.
    """
    remarks: list[str] = []
    if source.state_dict is not None:
        if not isinstance(content.get(source.state_dict), dict):
            raise RaybenchError(
                f"{path} has no state dict under {source.state_dict!r}; its keys: {few(content, 5)}"
            )
        content = content[source.state_dict]
    elif any(not isinstance(value, Tensor) for value in content.values()):
        content, remark = _found(content, path)
        remarks += [remark] if remark else []
    if not content:
        raise RaybenchError(f"{path} holds no tensors: its state dict is empty")
    strangers = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if strangers:
        raise RaybenchError(f"{path} holds more or other things than tensors: {few(strangers, 5)}")
    prefix = source.strip_prefix or ""
    if prefix and not any(name.startswith(prefix) for name in content):
        raise RaybenchError(
            f"{path}: no tensor begins with strip_prefix {prefix!r}; its tensors: {few(content, 5)}"
        )
    tensors = {name.removeprefix(prefix): _full_precision(tensor) for name, tensor in content.items()}
    for start in source.ignore:
        left_out = [name for name in tensors if name.startswith(start)]
        if not left_out:
            raise RaybenchError(
                f"{path}: no tensor begins with {start!r} of ignore; its tensors: {few(tensors, 5)}"
            )
        remarks.append(f"{len(left_out)} tensors of its file that begin with {start!r} are left out")
        tensors = {name: tensor for name, tensor in tensors.items() if name not in set(left_out)}
    return tensors, remarks


def _found(content: dict[Any, Any], path: Path) -> tuple[dict[Any, Any], str]:
    """Find the only mapping of names to tensors; plain values beside tensors are left."""
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    others = [key for key in content if key not in tensors and not isinstance(content[key], _PLAIN)]
    candidates = [key for key, value in content.items() if _holds_tensors(value)]
    if tensors and not others:
        return tensors, ""
    if len(candidates) == 1 and not tensors:
        key = candidates[0]
        return content[key], f"its weights are the entry {key!r} of its file"
    if candidates:
        hint = f"give the card state_dict: {candidates[0]}"
        if len(candidates) > 1:
            averaged = [key for key in candidates if "ema" in str(key).lower()]
            hint = (
                f"weights may be under {', '.join(map(repr, candidates))}; name one in the card, state_dict: "
            )
            hint += f"{(averaged or candidates)[0]}"
            hint += " for the averaged ones, which are usually those that are published" if averaged else ""
        raise RaybenchError(f"{path} holds more or other things than tensors: {few(content, 5)}; {hint}")
    raise RaybenchError(f"{path} holds more or other things than tensors: {few(others or content, 5)}")


def _holds_tensors(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) and isinstance(one, Tensor) for name, one in value.items())
    )


def _full_precision(tensor: Tensor) -> Tensor:
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()
