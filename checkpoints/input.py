"""What a network wants of its pictures: size, filter, crop, range, mean and standard deviation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from ..base import Document

Statistics = tuple[float, float, float]
Side = Annotated[int, Field(ge=1)]
Sides = tuple[Side, Side]

_BY_255 = (
    "pixels are scaled to 0 to 1 before mean and std are applied: divide values for pixels of 0 to 255 by "
    "255, or say input_range: 255 if the network was trained on such pixels"
)


def checked_mean(mean: Statistics, info: ValidationInfo) -> Statistics:
    """Refuse a mean that is not of the range before it."""
    white, largest = _white(info), max(map(abs, mean))
    if not largest <= white:
        raise ValueError(_BY_255 if white == 1 else "expected values of up to 255")
    if white == 255 and 0 < largest <= 1:
        raise ValueError("with input_range: 255 multiply mean and std by 255, or leave input_range out")
    return mean


def checked_std(std: Statistics, info: ValidationInfo) -> Statistics:
    """Refuse a standard deviation that is not above 0, or not of the range before it."""
    white = _white(info)
    if not min(std) > 0:
        raise ValueError("every standard deviation must be above 0")
    if not max(std) <= white:
        raise ValueError(_BY_255 if white == 1 else "expected values of up to 255")
    return std


def _white(info: ValidationInfo) -> int:
    return int(info.data.get("input_range") or (info.data.get("range") or (0, 1))[1])


def as_tuple(value: Any) -> Any:
    """Return a list of YAML as a tuple."""
    return tuple(value) if isinstance(value, list) else value


class Input(Document):
    """What a network wants of its pictures; what a card leaves out is as its library says.

    Attributes:
        size: height and width of the pictures that it was made for.
        any_size: whether it takes others too; if it is not said, the network is asked.
        step: multiple that the longer side is rounded to where the aspect ratio is kept.
        range: what black and white are before mean and std: `[0, 1]` or `[0, 255]`.
        mean: per channel, in units of `range`.
        std: as `mean`; above 0.
        interpolation: filter by which pictures are resized.
        crop_pct: share of the resized shorter side that its own crop shows, as timm counts it.
        crop_mode: before its own crop `center` resizes the shorter side, `squash` both sides.
    """

    size: Sides | None = None
    any_size: bool | None = None
    step: Side = 32
    range: Annotated[tuple[Literal[0], Literal[1, 255]], BeforeValidator(as_tuple)] = (0, 1)
    mean: Annotated[Statistics, AfterValidator(checked_mean)] | None = None
    std: Annotated[Statistics, AfterValidator(checked_std)] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    crop_pct: Annotated[float, Field(gt=0, le=2)] = 0.875
    crop_mode: Literal["center", "squash"] = "center"

    @model_validator(mode="after")
    def _has_statistics_of_its_range(self) -> Input:
        if self.range[1] == 255 and (self.mean is None or self.std is None):
            raise ValueError("with range: [0, 255] both mean and std have to be given, in the same range")
        return self
