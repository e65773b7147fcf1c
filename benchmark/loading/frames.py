"""How a view is made of a picture: resized by some filter, perhaps with its centre cut out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...base import RaybenchError, Size
from ...checkpoints import Card
from ..suite import Protocol

View = Literal["whole", "crop", "square"]
"""`whole`: what maps are made of, mostly all of the picture; `crop`: the centre crop for top-1 and top-5
accuracy; `square`: all of it squeezed into one shape, for F1."""

Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True)
class Frame:
    """How one view is made.

    Attributes:
        shape: height and width that the picture is resized to, or, if `covering`, resized to cover.
        covering: whether the aspect ratio is kept.
        step: multiple that the longer side is rounded to; with 1 it is cut to whole pixels.
        crop: height and width of the centre that is cut out; None to keep all.
        filter: by which the picture is resized.
    """

    shape: Size
    covering: bool = True
    step: int = 1
    crop: Size | None = None
    filter: Filter = "bilinear"

    @property
    def fixed(self) -> Size | None:
        """Height and width of the view, if they are those of every picture's."""
        return self.crop or (None if self.covering else self.shape)

    def resized(self, size: Size) -> Size:
        """Height and width that a picture of a size is resized to."""
        if not self.covering:
            return self.shape
        if self.shape.height != self.shape.width:
            scale = max(self.shape.height / size.height, self.shape.width / size.width)
            return Size(round(size.height * scale), round(size.width * scale))
        side = self.shape.height
        if self.step == 1:
            return whole_size(size, side)
        longer = max(round(side * max(size) / min(size) / self.step) * self.step, side)
        return Size(side, longer) if size.height <= size.width else Size(longer, side)

    def view_size(self, size: Size) -> Size:
        """Height and width of the view of a picture of a size."""
        return self.crop or self.resized(size)

    def corner(self, size: Size) -> tuple[int, int]:
        """Row and column of the resized picture at which the view begins; below 0 where it is padded."""
        if self.crop is None:
            return 0, 0
        (top, left), resized = (0, 0), self.resized(size)
        top, left = (
            -((cut - side) // 2) if cut > side else round((side - cut) / 2)
            for side, cut in zip(resized, self.crop, strict=True)
        )
        return top, left


def frame_of(view: View, protocol: Protocol, card: Card | None) -> Frame:
    """Return how a view is made under a protocol, for a network.

    Raises:
        RaybenchError: the protocol asks for the network's own input, and nobody knows it.
    """
    if protocol.input == "network":
        return _own_frame(view, protocol, card)
    cropped = _square(protocol.crop_resize), _square(protocol.crop)
    if view == "crop" or (view == "whole" and protocol.fit == "crop"):
        return Frame(cropped[0], crop=cropped[1])
    if view == "whole":
        return Frame(_square(protocol.short_side), covering=protocol.fit == "whole")
    return Frame(_square(protocol.f1_size), covering=False)


def _own_frame(view: View, protocol: Protocol, card: Card | None) -> Frame:
    """The network's own size, filter and crop."""
    name, own = (card.name, card.input) if card else ("", None)
    if own is None or own.size is None:
        raise RaybenchError(
            f"protocol {protocol.name!r} shows every network pictures of its own size, and nobody says that "
            f"of checkpoint {name!r}; write it into its card, such as input: {{size: [224, 224]}}"
        )
    size = Size(*own.size)
    if view == "square" or (view == "whole" and protocol.fit == "square"):
        return Frame(size, covering=False, filter=own.interpolation)
    if view == "whole" and protocol.fit == "whole":
        return Frame(_square(min(size)), step=own.step, filter=own.interpolation)
    resized = Size(*(int(side / own.crop_pct + 1e-6) for side in size))
    return Frame(resized, covering=own.crop_mode == "center", crop=size, filter=own.interpolation)


def _square(side: int) -> Size:
    return Size(side, side)


def whole_size(size: Size, short_side: int) -> Size:
    """Height and width of a picture whose shorter side is resized to `short_side` pixels."""
    longer = int(short_side * max(size) / min(size))  # cut, not rounded, as torchvision does
    return Size(short_side, longer) if size.height <= size.width else Size(longer, short_side)
