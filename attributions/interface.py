"""What an attribution method is: a registered function from a network and queries to saliency maps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

from torch import Tensor, nn

from ..base import Registry, options_of

if TYPE_CHECKING:
    from typing import Unpack  # novm: of Python 3.11, for type checkers alone

Kind = Literal["network", "dense"]
"""What a method needs: a `network`, or only the masks and seeds of the queries (`dense`)."""


class NetworkLike(Protocol):
    """The part of a loaded checkpoint that attribution methods read."""

    @property
    def module(self) -> nn.Module:
        """The classifier: images (B, 3, H, W) float to logits (B, C), in eval mode, parameters frozen."""

    @property
    def input_size(self) -> tuple[int, int] | None:
        """Height and width of the only images that the classifier takes; None if it takes any."""

    @property
    def target_layer(self) -> str | None:
        """Dotted name of the layer where Grad-CAM reads, such as the last stage; None to find it."""

    @property
    def layout(self) -> Literal["auto", "channels_first", "channels_last", "tokens"]:
        """How the target layer's output lies in memory; `auto` where that is to be found by trying."""

    @property
    def excitation_layer(self) -> str | None:
        """Dotted name of the layer at whose output excitation backprop reads, if the card names one."""

    @property
    def contrast_layer(self) -> str | None:
        """Dotted name of the layer at whose output contrastive excitation backprop contrasts, if named."""

    @property
    def input_range(self) -> tuple[Tensor, Tensor]:
        """What black and white pixels are in the network's input: (3, 1, 1) float32 each."""

    @property
    def multi_label(self) -> bool:
        """Whether an image has several classes, so that a probability is a sigmoid and no softmax."""


@dataclass(frozen=True)
class Passes:
    """What maps cost: passes through the network.

    Attributes:
        forwards_per_image: whatever the number of classes that are asked about.
        backwards_per_image: likewise.
        forwards_per_query: for each image and class.
        backwards_per_query: likewise.
        forwards_per_channel: for each image and each channel of the layer that is read.
        option: name of the option that sets the numbers, if there is one.
    """

    forwards_per_image: float = 0
    backwards_per_image: float = 0
    forwards_per_query: float = 0
    backwards_per_query: float = 0
    forwards_per_channel: float = 0
    option: str = ""

    @property
    def of_one(self) -> float:
        """All passes for one class of one image."""
        return self.forwards(1, 1) + self.backwards(1, 1)

    def forwards(self, images: float, queries: float, channels: int = 512) -> float:
        """Forward passes for so many images with so many queries in all, and channels as last stages have."""
        per_image = self.forwards_per_image + self.forwards_per_channel * channels
        return per_image * images + self.forwards_per_query * queries

    def backwards(self, images: float, queries: float) -> float:
        """Backward passes, as `forwards`."""
        return self.backwards_per_image * images + self.backwards_per_query * queries


def at_each(option: str) -> Callable[[Mapping[str, Any]], Passes]:
    """Cost of a forward pass per image and a backward pass per query, each as often as an option says."""

    def passes(options: Mapping[str, Any]) -> Passes:
        points = options[option]
        return Passes(forwards_per_image=points, backwards_per_query=points, option=option)

    return passes


def _one_each(_options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_image=1, backwards_per_query=1)


def _always_defined(_network: NetworkLike) -> None:
    pass


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
    family: str = ""
    """The heading that tables and pages show the method under."""
    signed: bool | Callable[[Mapping[str, Any]], bool] = False
    """Whether maps have a sign, positive where they speak for the class; may depend on the options."""
    seeded: bool = False
    """Whether the function takes `seeds`, one integer per image, as its fifth positional argument."""
    class_independent: bool = False
    """Whether all classes of an image get the same map, so that the function is asked once per image."""
    passes: Callable[[Mapping[str, Any]], Passes] = _one_each
    """What maps cost, from the options."""
    check: Callable[[NetworkLike], None] = _always_defined
    """Raises `RaybenchError`, in one sentence, if the method is not defined for a network."""
    fits: str = "all"
    """What networks pass the check, in words."""
    middle: bool = False
    """Whether its maps are the middle pixel of the picture alone."""
    truth: bool = False
    """Whether its maps are the ground truth itself, the ceiling of every metric."""

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def options(self) -> Mapping[str, Any]:
        """Keyword options a suite may set, with their defaults."""
        own = options_of(self.function)
        return {**own, "sign": "positive"} if self.is_signed(own) else own

    def is_signed(self, options: Mapping[str, Any]) -> bool:
        """Say whether maps have a sign, under all of the function's options."""
        return self.signed(options) if callable(self.signed) else self.signed


ATTRIBUTIONS: Registry[Attribution] = Registry("attribution", "raybench.attributions")


class Given(TypedDict, total=False):
    """Facts that `attribution` takes, see `Attribution`."""

    kind: Kind
    smoothed: bool
    source: str
    family: str
    signed: bool | Callable[[Mapping[str, Any]], bool]
    seeded: bool
    class_independent: bool
    passes: Callable[[Mapping[str, Any]], Passes]
    check: Callable[[NetworkLike], None]
    fits: str
    middle: bool
    truth: bool


def attribution(
    name: str, **facts: Unpack[Given]
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Register a function as the attribution method `name` and return it unchanged.

    The signature of the function depends on `kind`, by default `network`; keyword-only parameters are options
    that a suite may set. The other arguments are facts about the method, see `Attribution`.

    - `network`: `function(network, images, image_index, class_index, *, ...) -> maps`. `images` is a float
      tensor (B, 3, H, W), normalised as the checkpoint wants it; `image_index` and `class_index` are int64
      tensors (N,) on the same device: query n asks for class `class_index[n]` of image `image_index[n]`.
      `maps` is (N, h, w), float32, at the method's native resolution; non-negative, unless the method is
      `signed`. A `seeded` method takes a fifth argument, `seeds`: B integers, one per image, and draws
      everything random from `generator(seed, ...)`.
    - `dense`: `function(masks, seeds, *, ...) -> maps`. `masks` is bool (N, H, W), the ground truth at the
      size of the original image; `seeds` is a list of N integers that depend on the query alone. `maps` is
      (N, H, W).
    """

    def register(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        ATTRIBUTIONS.add(Attribution(name, function, **facts))
        return function

    return register
