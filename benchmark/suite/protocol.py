"""The rules a number is made by: frozen, named, versioned and hashed, so that like meets like."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from ...base import RaybenchError, UnknownNameError, misfit

_SHOWN = object()
_SIZES = ("short_side", "crop_resize", "crop", "f1_size")
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def _optional(default: str) -> Any:
    """Declare a field that enters the identity only where it departs from its default."""
    return dataclasses.field(default=default, metadata={"hidden": default})


@dataclass(frozen=True)
class Protocol:
    """All choices that change a number.

    Attributes:
        name: of the rules, such as `aaai21`; see `PROTOCOLS`.
        version: raised whenever a definition is corrected, so that old numbers keep their meaning.
        short_side: pixels of the shorter side of the network's input, resized bilinearly with antialiasing.
        input: whether sizes and filters are this protocol's, or the network's own; then `short_side`,
            `crop_resize`, `crop` and `f1_size` have no part.
        fit: `whole` keeps the picture's aspect ratio; `square` squeezes all of it into a square with sides of
            `short_side`, or into the network's own size, for networks that take one size alone; `crop` shows
            the centre crop, outside of which maps are 0.
        queries: which classes single-label data (ImageNet) asks about: `first_object`, the class of an
            image's first object, or `every_class` that has an object. Multi-label data (COCO, VOC) always
            asks about every class that is present.
        skip_difficult: leave out queries whose boxes are all marked difficult.
        legacy_boxes: reproduce the published box slicing, in which a box that starts at 0 selects nothing.
        tolerance_px: a point hits if it lies strictly closer than this to the region.
        epsilon: added to the map's spatial sum and to the normalised map at native resolution.
        smoothing: standard deviation of the Gaussian on gradient-type maps, as a share of the longer side of
            the original image; 0 for none.
        pointing_game: the aggregate under which the pointing game is quoted.
        crop_resize, crop: input of top-1 and top-5 accuracy, shorter side and centre crop in pixels.
        f1_size: side of the square input of F1, in pixels; the aspect ratio is not kept.
        decode: who decodes JPEG files: `pillow`, or the `device` (CUDA by nvJPEG): may differ by a level.
        resize: who resizes pictures: `pillow`, or torch on the `device`: may differ by a level; or `plain`:
            bilinearly without antialiasing, and not rounded to levels.
        center: where the row `center` points: to the `pixel` at row H // 2 and column W // 2, or to the
            `exact` middle at H / 2 and W / 2, which lies between pixels where a side is odd.
        precision: of the network's arithmetic; maps and metrics are float32 in any case. Only `float32` keeps
            all digits; `tf32` matters on CUDA alone, the others are run by autocast.

    `fit`, `input` and the last four came later than the numbers that were made without them, so they enter
    the identity only where they depart from their defaults.
    """

    name: str
    version: int
    short_side: Positive
    queries: Literal["first_object", "every_class"]
    skip_difficult: bool
    legacy_boxes: bool
    tolerance_px: Positive
    epsilon: Share
    smoothing: Share
    pointing_game: Literal["class_mean", "query_mean"]
    crop_resize: Positive
    crop: Positive
    f1_size: Positive
    fit: Literal["whole", "square", "crop"] = _optional("whole")
    input: Literal["protocol", "network"] = _optional("protocol")
    decode: Literal["pillow", "device"] = _optional("pillow")
    resize: Literal["pillow", "device", "plain"] = _optional("pillow")
    center: Literal["pixel", "exact"] = _optional("pixel")
    precision: Literal["float32", "tf32", "bfloat16", "float16"] = _optional("float32")
    description: str = dataclasses.field(default="", metadata={"hashed": False})

    @property
    def fields(self) -> dict[str, Any]:
        """All fields that make the identity, by name."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata.get("hashed", True)
            and not (self.input == "network" and field.name in _SIZES)
            and getattr(self, field.name) != field.metadata.get("hidden", _SHOWN)
        }

    @property
    def id(self) -> str:
        """Short hash of all fields; rows with different ids are not comparable."""
        text = json.dumps(self.fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


_AAAI21 = Protocol(
    name="aaai21",
    version=1,
    short_side=448,
    queries="first_object",
    skip_difficult=False,
    legacy_boxes=True,
    tolerance_px=15,
    epsilon=1e-8,
    smoothing=0.0,
    pointing_game="class_mean",
    crop_resize=256,
    crop=224,
    f1_size=224,
    description="Pillai & Pirsiavash, Explainable Models with Consistent Interpretations, AAAI 2021",
)

_NATIVE: tuple[tuple[str, Literal["whole", "square", "crop"], str], ...] = (
    ("native", "square", "the whole picture squeezed into the network's own size, by its own filter"),
    ("native-whole", "whole", "the whole picture, its shorter side at the network's own size"),
    ("native-crop", "crop", "the network's own centre crop; maps are 0 outside of it"),
)

_ICCV19 = Protocol(
    name="iccv19",
    version=1,
    short_side=224,
    queries="every_class",
    skip_difficult=True,
    legacy_boxes=False,
    tolerance_px=15,
    epsilon=0.0,
    smoothing=0.02,
    pointing_game="class_mean",
    crop_resize=256,
    crop=224,
    f1_size=224,
    description="iccv19 as it was before version 2, with pictures resized by Pillow's antialiased filter",
)

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        _AAAI21,
        dataclasses.replace(
            _AAAI21,
            name="aaai21-clamped",
            legacy_boxes=False,
            description="aaai21 with boxes that start at 0 cut to the picture instead of lost",
        ),
        dataclasses.replace(
            _ICCV19,
            version=2,
            resize="plain",
            center="exact",
            description="the pointing game as TorchRay runs it; Fong, Patrick & Vedaldi, ICCV 2019",
        ),
        dataclasses.replace(
            _AAAI21,
            name="square",
            short_side=224,
            fit="square",
            legacy_boxes=False,
            description="aaai21-clamped with the picture squeezed into 224 x 224, for networks of one size",
        ),
        *(
            dataclasses.replace(
                _AAAI21, name=name, input="network", fit=fit, legacy_boxes=False, description=description
            )
            for name, fit, description in _NATIVE
        ),
    )
} | {"iccv19-v1": _ICCV19}


def protocol_key(name: str, version: object) -> str:
    """Return the name by which a version of a protocol is asked for, such as `iccv19-v1`; else `name`."""
    found = (key for key, one in PROTOCOLS.items() if (one.name, one.version) == (name, version))
    return next(found, name)


def changed_fields(standard: Protocol, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a run that depart from a protocol; one that does not show is at its default."""
    hidden = {
        one.name: one.metadata["hidden"] for one in dataclasses.fields(Protocol) if "hidden" in one.metadata
    }
    whole = {**{key: hidden[key] for key in hidden.keys() & standard.fields.keys()}, **fields}
    return {key: value for key, value in whole.items() if getattr(standard, key, _SHOWN) != value}


def protocol_from(name: str, changes: Mapping[str, Any] | None = None) -> Protocol:
    """Return the protocol `name`, with some fields changed; the changes show in its id.

    Raises:
        UnknownNameError: no such protocol, or no such field.
        RaybenchError: a changed field has a wrong type or value.
    """
    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[name]
    known = {field.name for field in dataclasses.fields(protocol)} - {"name", "version", "description"}
    for key, value in (changes or {}).items():
        if key not in known:
            raise UnknownNameError(f"field of protocol {name}", key, known)
        if (changes or {}).get("input", protocol.input) == "network" and key in _SIZES:
            raise RaybenchError(
                f"protocol field {key!r} has no part in {name}, which shows every network its own size; "
                "write input: {size: …} into its card"
            )
        message = misfit(Protocol, key, value)
        if message:
            raise RaybenchError(
                f"protocol field {key!r} is {value!r}: {message}, such as {getattr(protocol, key)!r}"
            )
    changed = dataclasses.replace(protocol, **(changes or {}))
    if changed.decode == "device" and changed.resize != "device":
        raise RaybenchError(
            "protocol field 'decode' is 'device', but 'resize' is 'pillow', which would fetch every picture "
            "back from the device; set resize to 'device' too"
        )
    return changed
