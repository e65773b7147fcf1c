"""What is derived from a network's weights, kept while a run makes sure that they do not change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = ["are_weights_fixed", "keep", "kept", "look_up", "on_leaving", "weights_fixed"]

_KEPT: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
_OPEN = [0]
_LEAVING = ExitStack()


@contextmanager
def weights_fixed() -> Iterator[None]:
    """While open, the weights of networks do not change, so what is derived from them is made once.

    Outside, everything is derived anew for each call: a write to `parameter.data` leaves no trace by which
    one could tell. Blocks may be nested; on leaving the outermost one all is forgotten.
    """
    _OPEN[0] += 1
    try:
        yield
    finally:
        _OPEN[0] -= 1
        if not _OPEN[0]:
            _KEPT.clear()
            _LEAVING.close()


def are_weights_fixed() -> bool:
    """Whether a block of `weights_fixed` is open, in any thread."""
    return _OPEN[0] > 0


def kept(weight: Tensor, what: Hashable, derive: Callable[[], Tensor]) -> Tensor:
    """Return `derive()`, or inside `weights_fixed` what it returned before for the same weight and `what`."""
    if not are_weights_fixed():
        return derive()
    found = _KEPT.setdefault(weight, {})  # type: ignore[no-untyped-call]
    if what not in found:
        found[what] = derive()
    known: Tensor = found[what]
    return known


def keep(weight: Tensor, what: Hashable, value: Any) -> None:
    """Keep something that is known of a weight; to be called inside `weights_fixed`."""
    _KEPT.setdefault(weight, {})[what] = value  # type: ignore[no-untyped-call]


def on_leaving(undo: Callable[[], object]) -> None:
    """Have `undo` called when the outermost block of `weights_fixed` is left; to be called inside."""
    _LEAVING.callback(undo)


def look_up(weight: Tensor, what: Hashable) -> Any:
    """Return what is kept of a weight under the name `what`, or None."""
    found: dict[Hashable, Any] = _KEPT.get(weight, {})  # type: ignore[no-untyped-call]
    return found.get(what)
