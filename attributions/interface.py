"""What an attribution method is: a registered function from a network and queries to saliency maps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from ..base import Registry, check_options, options_of

__all__ = ["ATTRIBUTIONS", "Attribution", "BoundAttribution", "Kind", "NetworkLike", "attribution", "bind"]

Kind = Literal["network", "dense", "point"]
"""What a method needs: a `network`; only image size, masks and seeds (`dense`); only the size (`point`)."""


class NetworkLike(Protocol):
    """The part of a loaded checkpoint that attribution methods read."""

    @property
    def module(self) -> nn.Module:
        """The classifier: images (B, 3, H, W) float to logits (B, C), in eval mode, parameters frozen."""

    @property
    def target_layer(self) -> str:
        """Dotted name of the last convolutional stage, where Grad-CAM reads."""

    @property
    def excitation_layer(self) -> str | None:
        """Dotted name of the layer at whose output excitation backprop reads, if the card names one."""

    @property
    def contrast_layer(self) -> str | None:
        """Dotted name of the layer at whose output contrastive excitation backprop contrasts, if named."""


@dataclass(frozen=True)
class Attribution:
    """One registered method and the facts that tables and the runner need about it."""

    name: str
    function: Callable[..., Tensor]
    kind: Kind = "network"
    smoothed: bool = False
    """True for maps at input resolution that a protocol may smooth after resizing (gradient-type methods)."""
    source: str = ""
    """Where the method was published."""

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def options(self) -> Mapping[str, Any]:
        """Keyword options a suite may set, with their defaults."""
        return options_of(self.function)


@dataclass(frozen=True)
class BoundAttribution:
    """A method with its options fixed, under the label that results carry."""

    attribution: Attribution
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __call__(self, *args: Any) -> Tensor:
        """Call the method with its positional arguments and the bound options."""
        return self.attribution.function(*args, **self.options)


ATTRIBUTIONS: Registry[Attribution] = Registry("attribution", "raybench.attributions")


def attribution(
    name: str, *, kind: Kind = "network", smoothed: bool = False, source: str = ""
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function as the attribution method `name` and return it unchanged.

    The signature of the function depends on `kind`; keyword-only parameters are options that a suite may set.

    - `network`: `function(network, images, image_index, class_index, *, ...) -> maps`. `images` is a float
      tensor (B, 3, H, W), normalised as the checkpoint wants it; `image_index` and `class_index` are int64
      tensors (N,) on the same device: query n asks for class `class_index[n]` of image `image_index[n]`.
      `maps` is (N, h, w), float32, non-negative, at the method's native resolution.
    - `dense`: `function(masks, seeds, *, ...) -> maps`. `masks` is bool (N, H, W), the ground truth at the
      size of the original image; `seeds` is a list of N integers that depend on the query alone. `maps` is
      (N, H, W).
    - `point`: `function(height, width, *, ...) -> Tensor` of two integers, the pixel (x, y) that carries all
      saliency of an image of that size.
    """

    def register(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        ATTRIBUTIONS.add(Attribution(name, function, kind, smoothed, source))
        return function

    return register


def bind(name: str, options: Mapping[str, Any] | None = None, label: str | None = None) -> BoundAttribution:
    """Look up the method `name` and fix its options.

    Raises:
        UnknownNameError: no such method.
        RaybenchError: an option that the method does not have, or of another type.
    """
    entry = ATTRIBUTIONS.get(name)
    options = dict(options or {})
    check_options(f"attribution {name!r}", entry.function, options)
    return BoundAttribution(entry, options, label or name)
