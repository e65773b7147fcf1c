"""Lets several methods that ask the network the same question share one answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from torch import Tensor

Answer = TypeVar("Answer")


class Watch(Protocol):
    """Is told which passes are reused, so that their time can be charged to every method that needs them."""

    def mark(self) -> Any:
        """Return this moment."""

    def reused(self, start: Any, stop: Any) -> None:
        """A pass that was made between two moments is used again."""


@dataclass(frozen=True)
class _Memo:
    """Answers by question, each with the objects it is about and the moments between which it was found."""

    watch: Watch | None
    answers: dict[Hashable, tuple[Any, tuple[object, ...], Any, Any]] = field(default_factory=dict)


_MEMO: ContextVar[_Memo | None] = ContextVar("memo", default=None)


@contextmanager
def sharing(watch: Watch | None = None) -> Iterator[None]:
    """While open, passes through a network are kept and reused; on leaving, all are forgotten.

    A pass is reused for the same module and the same tensor *objects* (images and indices), unless one was
    changed in place. The network's weights must not change in between. Blocks may be nested; the outermost
    one keeps the memory. Other threads are not affected. `watch`, if given, is told of every reuse.

    Example:
        with sharing():
            maps = [method(network, images, image_index, class_index) for method in methods]
    """
    if _MEMO.get() is not None:
        yield
        return
    token = _MEMO.set(_Memo(watch))
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
    if key in memo.answers:
        reused, _, start, stop = memo.answers[key]
        if memo.watch:
            memo.watch.reused(start, stop)
        again: Answer = reused
        return again
    start = memo.watch.mark() if memo.watch else None
    found = answer()
    stop = memo.watch.mark() if memo.watch else None
    memo.answers[key] = (found, objects, start, stop)  # holding the objects keeps their ids from being reused
    return found


def _version(item: object) -> int:
    """Count of in-place changes of a tensor; inference tensors have none, and other objects neither."""
    return item._version if isinstance(item, Tensor) and not item.is_inference() else 0
