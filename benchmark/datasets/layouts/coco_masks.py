"""From COCO's polygons and run lengths to masks."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from ....base import Box, Size

OTHER_AREA = "a mask contradicts the area of its own annotation; the mask is used"
OTHER_BOX = "a mask contradicts the bbox of its own annotation; the mask is used"
OUTSIDE = "a mask reaches outside the picture; cut"
# notes on samples

_BEYOND_PX = 1.5  # polygons of exact tools end up to a pixel outside
_MOST_BITS = 60  # of a run length; a number of any length would take long to add up
_LONGEST_PX = 5_000_000  # of all borders of an annotation; pycocotools' memory grows with it
_FARTHEST = 100_000  # pixels from the origin; a polygon that reaches farther is damaged, and slow to fill


def encode(segmentation: Any, size: Size) -> list[dict[str, Any]]:
    """Turn the `segmentation` of an annotation into pycocotools' compressed run lengths.

    Args:
        segmentation: a list of polygons [x0, y0, x1, y1, ...] in pixels, or run lengths `{size, counts}`.
        size: (height, width) of the picture.

    Returns:
        One entry for each part; none for polygons of fewer than three points, which have no area.

    Raises:
        ValueError: it is of another form, or does not fit the picture; the message says why.
    """
    if isinstance(segmentation, dict):
        return [_encode_run_lengths(segmentation, size)]
    if segmentation is None:
        raise ValueError("it has no segmentation")
    if not isinstance(segmentation, list):
        raise ValueError("its segmentation is neither a list of polygons nor run lengths")
    polygons = [_polygon(numbers) for numbers in segmentation]
    polygons = [polygon for polygon in polygons if len(polygon) >= 6]
    if sum(map(_border, polygons)) > _LONGEST_PX:
        raise ValueError(f"the borders of its polygons are longer than {_LONGEST_PX:,} pixels")
    return coco_mask.frPyObjects(polygons, *size) if polygons else []


def outline(bbox: Any) -> list[list[float]] | None:
    """Return the polygon around a `bbox`, [x, y, width, height]; None if it is no box with an area."""
    if not _is_box(bbox) or min(bbox[2:]) <= 0:
        return None
    x, y, width, height = bbox
    return [[x, y, x, y + height, x + width, y + height, x + width, y]]


def union(encoded: list[dict[str, Any]], size: Size) -> NDArray[np.bool_]:
    """Decode the union of run lengths to a bool array (H, W)."""
    if not encoded:
        return np.zeros(size, dtype=np.bool_)
    with warnings.catch_warnings():
        # pycocotools 2.0.11 does not know numpy 2's `copy` argument, and makes numpy say so for each mask
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        mask = coco_mask.decode(coco_mask.merge(encoded))
    return np.ascontiguousarray(mask).view(np.bool_)


def has_pixels(encoded: list[dict[str, Any]]) -> bool:
    """Say whether a mask has any."""
    return bool(encoded) and any(coco_mask.area(encoded))


def box_around(encoded: list[dict[str, Any]]) -> Box:
    """Return the box around the pixels of a mask, which has some."""
    x, y, width, height = (int(number) for number in coco_mask.toBbox(coco_mask.merge(encoded)))
    return Box(x, y, x + width - 1, y + height - 1)


def remarks_on(record: dict[str, Any], encoded: list[dict[str, Any]], size: Size) -> list[str]:
    """Say in which ways an annotation contradicts itself or its picture; `encoded` is its mask."""
    merged = coco_mask.merge(encoded) if encoded else None
    mask_area = int(coco_mask.area(merged)) if encoded else 0
    bounds = [float(number) for number in coco_mask.toBbox(merged)] if encoded else [0.0] * 4
    return [
        *[OUTSIDE]
        * (isinstance(record["segmentation"], list) and _reaches_outside(record["segmentation"], size)),
        *[OTHER_BOX] * _is_other_box(record.get("bbox"), bounds),
        *[OTHER_AREA] * _is_other_area(record.get("area"), mask_area, bounds),
    ]


def _reaches_outside(segmentation: Any, size: Size) -> bool:
    return isinstance(segmentation, list) and any(
        min(polygon) < -_BEYOND_PX
        or max(polygon[::2]) > size.width + _BEYOND_PX
        or max(polygon[1::2]) > size.height + _BEYOND_PX
        for polygon in segmentation
        if polygon
    )


def _is_other_box(bbox: Any, bounds: list[float]) -> bool:
    """Say whether a mask lies elsewhere than its annotation's `bbox`, both [x, y, width, height].

    The two come from the same polygons, so that they agree to a pixel or two. They are told apart where less
    than half of the area that they cover together is common, and a side differs by more than two pixels. A
    box of no size was not filled in.
    """
    if bbox is None or bbox == []:
        return False
    if not _is_box(bbox):
        return True
    if bbox[2:] == [0, 0]:
        return False
    x, y, width, height = bounds
    ours, theirs = (x, y, x + width, y + height), (*bbox[:2], bbox[0] + bbox[2], bbox[1] + bbox[3])
    if max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) <= 2:
        return False
    across = min(ours[2], theirs[2]) - max(ours[0], theirs[0])
    down = min(ours[3], theirs[3]) - max(ours[1], theirs[1])
    common = max(0.0, across) * max(0.0, down)
    return bool(common < 0.5 * (width * height + bbox[2] * bbox[3] - common))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _is_box(bbox: Any) -> bool:
    numbers = bbox if isinstance(bbox, list) else []
    return len(numbers) == 4 and all(map(_is_number, numbers)) and min(numbers[2:]) >= 0


def _is_other_area(area: Any, mask_area: int, bounds: list[float]) -> bool:
    """Say whether a mask is of another area than its annotation gives.

    A filled polygon holds up to half of its border's pixels more, and parts that overlap are counted twice.
    So they are told apart where they differ by a factor of two and by more than the border. An area of 0 was
    not filled in.
    """
    if area is None or area == 0:
        return False
    if not _is_number(area):
        return True
    border = 2 * (bounds[2] + bounds[3])
    return bool(abs(area - mask_area) > max(border, 0.5 * max(area, mask_area)))


def _polygon(numbers: Any) -> NDArray[np.float64]:
    if not isinstance(numbers, list) or any(isinstance(number, (list, dict)) for number in numbers):
        raise ValueError("a polygon is not a flat list of numbers")
    if not all(type(number) in (int, float) for number in numbers):
        raise ValueError("a polygon holds something that is not a number")
    if len(numbers) % 2:
        raise ValueError(f"a polygon has {len(numbers)} numbers; expected pairs of x and y")
    if not all(abs(number) < _FARTHEST for number in numbers):
        raise ValueError("a polygon has a corner that is not a number, or lies far outside the picture")
    return np.array(numbers, dtype=np.float64)


def _border(polygon: NDArray[np.float64]) -> float:
    """Steps along a polygon, from pixel to pixel."""
    corners = polygon.reshape(-1, 2)
    return float(np.abs(corners - np.roll(corners, 1, axis=0)).max(1).sum()) + len(corners)


def _encode_run_lengths(segmentation: dict[str, Any], size: Size) -> dict[str, Any]:
    counts = segmentation.get("counts")
    if segmentation.get("size") != list(size):
        raise ValueError(
            f"its run lengths are for size {segmentation.get('size')}, the picture has {list(size)}"
        )
    try:
        runs = counts if isinstance(counts, list) else _decompress(str(counts))
        if not all(type(run) is int for run in runs):  # pycocotools cuts fractions off
            raise ValueError
        # pycocotools reads beyond its memory where the runs do not add up
        if min(runs) < 0 or sum(runs) != size.height * size.width:
            raise ValueError
        encoded: dict[str, Any] = coco_mask.frPyObjects({"size": list(size), "counts": runs}, *size)
    except (TypeError, ValueError, IndexError, OverflowError):
        raise ValueError("its run lengths are damaged: they do not add up to the picture") from None
    return encoded


def _decompress(counts: str) -> list[int]:
    """Decompress run lengths.

    Each takes characters of six bits from "0": five bits of the number, the lowest first, and one that says
    whether more follow; the last is in two's complement. From the fourth run on, the number is the difference
    to the run before the previous one.
    """
    runs: list[int] = []
    at = 0
    while at < len(counts):
        number = shift = 0
        more = True
        while more:
            bits = ord(counts[at]) - 48
            number |= (bits & 31) << shift
            shift += 5
            at += 1
            if shift > _MOST_BITS:
                raise ValueError
            more = bool(bits & 32)
        if bits & 16:
            number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
    return runs
