"""Lets several methods that ask the network the same question share one answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from torch import Tensor

__all__ = ["shared", "sharing"]

Answer = TypeVar("Answer")

_MEMO: ContextVar[dict[Hashable, tuple[Any, tuple[object, ...]]] | None] = ContextVar("memo", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """While open, passes through a network are kept and reused; on leaving, all are forgotten.

    A pass is reused for the same module and the same tensor *objects* (images and indices), unless one was
    changed in place. The network's weights must not change in between. Blocks may be nested; the outermost
    one keeps the memory. Other threads are not affected.

    Example:
        with sharing():
            maps = [method(network, images, image_index, class_index) for method in methods]
    """
    if _MEMO.get() is not None:
        yield
        return
    token = _MEMO.set({})
    try:
        yield
    finally:
        _MEMO.reset(token)


def shared(question: Hashable, objects: tuple[object, ...], answer: Callable[[], Answer]) -> Answer:
    """Return `answer()`, or inside `sharing()` what it returned before for the same question and objects."""
    memo = _MEMO.get()
    if memo is None:
        return answer()
    key = (question, *((id(item), _version(item)) for item in objects))
    if key not in memo:
        memo[key] = (answer(), objects)  # holding the objects keeps their ids from being reused
    found: Answer = memo[key][0]
    return found


def _version(item: object) -> int:
    """Count of in-place changes of a tensor; inference tensors have none, and other objects neither."""
    return item._version if isinstance(item, Tensor) and not item.is_inference() else 0
