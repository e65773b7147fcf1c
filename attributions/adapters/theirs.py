"""What the adapters of other libraries share: a row per method of theirs, asked for one query at a time."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ..asking.copies.one_by_one import one_by_one
from ..interface import NetworkLike, Passes, attribution
from ..layers.search.target_layer import layer_to_read
from ..layers.watching import layer_of
from ..queries import check_classes

TARGET = ("target_layer",)
"""What names the layer that most methods read."""

_EXTRAS: dict[str, str] = {}
"""The extra of raybench that installs a library, by the name that the library is imported by."""


class Theirs(NamedTuple):
    """A method of another library, and what is known of it.

    Attributes:
        name: as the library spells it.
        layers: if it reads a layer, the facts of a network that may name it; the option `layer` goes first.
        smoothed: whether maps have the picture's resolution and a protocol may smooth them.
        signed: whether maps have a sign.
        seeded: whether it draws random numbers, from torch's or NumPy's global generators.
        passes: forward and backward passes per query, roughly, with the library's defaults.
    """

    name: str
    layers: tuple[str, ...] = ()
    smoothed: bool = False
    signed: bool = False
    seeded: bool = False
    passes: int = 1


class Asked(NamedTuple):
    """One query, as an adapter hands it to its library.

    Attributes:
        network: whose facts may be wanted.
        module: a copy of the network that may be changed, frozen, nothing in place.
        image: (1, 3, H, W), a leaf that may be changed.
        class_index: the class.
        layer: the name of the layer to read; empty if none is read.
        arguments: keyword arguments from the suite, of the library's own.
    """

    network: NetworkLike
    module: nn.Module
    image: Tensor
    class_index: int
    layer: str
    arguments: Mapping[str, Any]


Call = Callable[[str, Asked], Any]
"""From the name of a method and a query to one map (h, w)."""


def register(library: str, extra: str, source: str, methods: Iterable[Theirs], call: Call) -> None:
    """Register the methods of a library as `library.Name`, if it is installed.

    Args:
        library: the name that it is imported by.
        extra: of raybench, that installs it.
        source: what it is.
        methods: of the library.
        call: asks one of them; the library is imported there, not before.
    """
    _EXTRAS[library] = extra
    if importlib.util.find_spec(library) is None:
        return
    for method in methods:
        attribution(
            f"{library}.{method.name}",
            smoothed=method.smoothed,
            source=source,
            family=f"of {library}",
            signed=method.signed,
            seeded=method.seeded,
            passes=_passes(method.passes),
        )(_method(library, method, call))


def refuse_missing(name: str) -> None:
    """Raise `RaybenchError` if a name is that of a library's method, and the library is missing."""
    library = name.partition(".")[0]
    if library in _EXTRAS and importlib.util.find_spec(library) is None:
        raise RaybenchError(
            f"attribution {name!r} is a method of {library}, which is not installed; install it by "
            f"pip install 'raybench[{_EXTRAS[library]}]'"
        )


def checked(name: str, function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments for a function of a library; raise `RaybenchError` if it does not take one."""
    parameters = inspect.signature(function).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return dict(given)
    for key in given:
        if key not in parameters:
            known = ", ".join(one for one in parameters if one != "self")
            raise RaybenchError(f"{name} takes no argument {key!r}; its arguments: {known}")
    return dict(given)


def _passes(number: int) -> Callable[[Mapping[str, Any]], Passes]:
    return lambda _options: Passes(forwards_per_query=number, backwards_per_query=number)


def _method(library: str, method: Theirs, call: Call) -> Callable[..., Tensor]:
    """Make a function with the interface of our own methods of one of the library's."""
    full = f"{library}.{method.name}"

    def ask(
        network: NetworkLike,
        images: Tensor,
        image_index: Tensor,
        class_index: Tensor,
        seeds: Sequence[int],
        layer: str,
        arguments: Mapping[str, Any],
    ) -> Tensor:
        def one(module: nn.Module, image: Tensor, target: int) -> Any:
            handle = module.register_forward_hook(lambda _module, _inputs, found: _has_class(found, target))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of what a library does to the copy, or of its age
                    found = call(method.name, Asked(network, module, image, target, layer, arguments))
            finally:
                handle.remove()
            return found if method.signed else found.clip(0)

        return one_by_one(full, one, network, images, image_index, class_index, seeds)

    def reading(
        network: NetworkLike,
        images: Tensor,
        image_index: Tensor,
        class_index: Tensor,
        seeds: Sequence[int] | None = None,
        *,
        layer: str | None = None,
        arguments: dict[str, Any] | None = None,
    ) -> Tensor:
        named = (layer, *(getattr(network, fact) for fact in method.layers))
        name = layer_to_read(next(filter(None, named), None), network)
        layer_of(network.module, name)
        return ask(
            network, images, image_index, class_index, seeds or [0] * len(images), name, arguments or {}
        )

    def plain(
        network: NetworkLike,
        images: Tensor,
        image_index: Tensor,
        class_index: Tensor,
        seeds: Sequence[int] | None = None,
        *,
        arguments: dict[str, Any] | None = None,
    ) -> Tensor:
        return ask(network, images, image_index, class_index, seeds or [0] * len(images), "", arguments or {})

    chosen = reading if method.layers else plain
    chosen.__doc__ = f"{library}'s own {method.name}, one query at a time."
    return chosen


def _has_class(logits: Any, class_index: int) -> None:
    """Refuse a class that the network has no score of, before a library asks for it."""
    if isinstance(logits, Tensor) and logits.ndim == 2:
        check_classes(logits, torch.tensor([class_index]))
