"""A method with its options fixed: what the runner calls, whatever the facts of the method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..base import CodeFiles, RaybenchError, check_options, names_code, options_of, without_folder
from .adapters.theirs import refuse_missing
from .interface import ATTRIBUTIONS, Attribution, NetworkLike, Passes
from .layers.search.target_layer import layer_to_read
from .layers.watching import layer_of
from .own import method_of
from .signs import Sign, reduced


@dataclass(frozen=True)
class BoundAttribution:
    """A method with its options fixed, under the label that results carry.

    Attributes:
        attribution: the method.
        options: those that were given, and for a signed method also `sign`.
        label: names the row of the comparison.
    """

    attribution: Attribution
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __call__(self, *args: Any, seeds: Sequence[int] | None = None) -> Tensor:
        """Return non-negative maps, those of a signed method reduced at native resolution by `sign`.

        Args:
            *args: the positional arguments of the method's kind, without the seeds of a seeded method.
            seeds: B integers, one per image; seeded methods need them.

        Returns:
            (N, h, w).
        """
        return self.scored(self.raw(*args, seeds=seeds))

    def scored(self, raw: Tensor) -> Tensor:
        """Return what is scored of maps that `raw` returned."""
        return reduced(raw, self.sign) if self.sign else raw

    def raw(self, *args: Any, seeds: Sequence[int] | None = None) -> Tensor:
        """Return what the function returns, with the sign of a signed method; arguments as for a call."""
        entry = self.attribution
        if entry.kind != "network":
            return entry.function(*args, **self._own_options)
        network, images, image_index, class_index = args
        further = (_checked_seeds(entry.name, seeds, len(images)),) if entry.seeded else ()
        if not entry.class_independent:
            return entry.function(*args, *further, **self._own_options)
        asked, query_of, first = _first_queries(image_index)
        maps = entry.function(network, images, asked, class_index[first], *further, **self._own_options)
        return maps[query_of]

    def check(self, network: NetworkLike) -> None:
        """Raise `RaybenchError`, in one sentence, if the method, or an option, does not fit a network."""
        self.attribution.check(network)
        options = {**options_of(self.attribution.function), **self._own_options}
        if "layer" in options:
            layer_to_read(options["layer"] or network.excitation_layer, network)
        for name in ("layer", "contrast_layer"):
            if self._own_options.get(name):
                layer_of(network.module, self._own_options[name])

    @property
    def sign(self) -> Sign | None:
        """What of a signed map is scored; None if maps have no sign."""
        return self.options.get("sign")

    @property
    def passes(self) -> Passes:
        """What maps cost; nothing for methods without a network."""
        if self.attribution.kind != "network":
            return Passes()
        return self.attribution.passes({**options_of(self.attribution.function), **self._own_options})

    @property
    def _own_options(self) -> Mapping[str, Any]:
        """The options of the function; `sign` is none of them."""
        return {name: value for name, value in self.options.items() if name != "sign"}


def _checked_seeds(name: str, seeds: Sequence[int] | None, n_images: int) -> Sequence[int]:
    if seeds is None or len(seeds) != n_images:
        given = "none" if seeds is None else len(seeds)
        raise RaybenchError(
            f"attribution {name!r} draws random numbers and was given {given} for {n_images} images; "
            "give `seeds`, one integer per image"
        )
    return seeds


def _first_queries(image_index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The images asked about, for each query its place among them, and for each image its first query."""
    images = image_index.tolist()
    asked = sorted(set(images))
    places = [asked.index(image) for image in images], [images.index(image) for image in asked]
    query_of, first = (torch.tensor(place, dtype=torch.int64, device=image_index.device) for place in places)
    return image_index[first], query_of, first


def bind(
    name: str,
    options: Mapping[str, Any] | None = None,
    label: str | None = None,
    *,
    code: CodeFiles | None = None,
) -> BoundAttribution:
    """Look up the method `name` and fix its options.

    Args:
        name: a registered method, or a function in a file: `mine.py:my_method`; see `method_of`.
        options: by name.
        label: that results carry, by default the name, or that of the function.
        code: where files are looked for; by default they may not run.

    Raises:
        UnknownNameError: no such method.
        RaybenchError: an option that the method does not have, or of another type; or a library is not
            installed.
    """
    refuse_missing(name)
    entry = (code or CodeFiles()).find(ATTRIBUTIONS, name, method_of)
    if names_code(name):
        entry = replace(entry, name=without_folder(name))  # not by a name that a registered method may have
    return bound(entry, options, label or entry.name.rpartition(":")[2])


def bound(
    entry: Attribution, options: Mapping[str, Any] | None = None, label: str | None = None
) -> BoundAttribution:
    """Fix the options of a method; `sign` is one of those that return maps with a sign. Raises as `bind`."""
    thing, given = f"attribution {entry.name!r}", dict(options or {})
    own = {key: value for key, value in given.items() if key != "sign"}
    check_options(thing, entry.function, own)
    signed = entry.is_signed({**options_of(entry.function), **own})
    if signed:
        check_options(thing, _with_sign, {"sign": given.get("sign", "positive")})
        given.setdefault("sign", "positive")
    elif "sign" in given:
        raise RaybenchError(f"{thing} gives maps without a sign, as its options are; leave out 'sign'")
    return BoundAttribution(entry, given, label or entry.name)


def _with_sign(*, sign: Sign) -> None:
    """Declare the option that signed methods have besides their own."""
