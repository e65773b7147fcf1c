"""A user's own method without registration: a function, from Python or from a file."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from ..base import RaybenchError
from .asking.copies.one_by_one import one_by_one
from .interface import ATTRIBUTIONS, Attribution, NetworkLike

_FORMS = (
    "expected function(network, images, image_index, class_index), with seeds as a fifth if it draws random "
    "numbers, or function(module, image, class_index); other arguments keyword-only"
)


def method_of(name: str, function: Callable[..., Any]) -> Attribution:
    """Return the method that a function is, with its facts if it was registered by `attribution`.

    A function without registration may return maps with a sign. Its form is told by the number of its
    positional arguments without a default: four, or five with `seeds`, are those of a registered method;
    `f(module, image (1, 3, H, W), class_index) -> (h, w)` is called for one query at a time, with a copy of
    the module that it may change, and with the image's seed in torch's and NumPy's global generators.

    Args:
        name: for messages and results.
        function: the method.

    Raises:
        RaybenchError: its arguments are none of these.
    """
    for entry in ATTRIBUTIONS:
        if entry.function is function:
            return entry
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise RaybenchError(f"attribution {name!r} does not say what arguments it takes; {_FORMS}") from None
    needed = sum(one.kind in positional and one.default is inspect.Parameter.empty for one in parameters)
    if needed == 3:
        return Attribution(name, _simple(name, function), signed=True, seeded=True)
    if needed in (4, 5):
        return Attribution(name, function, signed=True, seeded=needed == 5)
    raise RaybenchError(f"attribution {name!r} takes {needed} positional arguments; {_FORMS}")


def _simple(name: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    @functools.wraps(function)
    def method(
        network: NetworkLike,
        images: Tensor,
        image_index: Tensor,
        class_index: Tensor,
        seeds: Sequence[int],
        **options: Any,
    ) -> Tensor:
        call = functools.partial(function, **options)
        return one_by_one(name, call, network, images, image_index, class_index, seeds)

    return method
