"""From COCO's polygons and run lengths to masks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from ....base import Size

__all__ = ["contradicts", "encode", "union"]

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
    if not isinstance(segmentation, list):
        raise ValueError("it is neither a list of polygons nor run lengths")
    polygons = [_polygon(numbers) for numbers in segmentation]
    polygons = [polygon for polygon in polygons if len(polygon) >= 6]
    return coco_mask.frPyObjects(polygons, *size) if polygons else []


def union(encoded: list[dict[str, Any]], size: Size) -> NDArray[np.bool_]:
    """Decode the union of run lengths to a bool array (H, W)."""
    if not encoded:
        return np.zeros(size, dtype=np.bool_)
    with warnings.catch_warnings():
        # pycocotools 2.0.11 does not know numpy 2's `copy` argument, and makes numpy say so for each mask
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        mask = coco_mask.decode(coco_mask.merge(encoded))
    return np.ascontiguousarray(mask).view(np.bool_)


def contradicts(encoded: list[dict[str, Any]], bbox: Any) -> bool:
    """Say whether an annotation's mask lies elsewhere than its own `bbox` [x, y, width, height].

    The two come from the same polygons, so that they agree to a pixel or two. They are told apart where less
    than half of the area that they cover together is common, and a side differs by more than two pixels.
    """
    if not encoded or not isinstance(bbox, list) or len(bbox) != 4:
        return False
    if not all(isinstance(number, (int, float)) for number in bbox) or min(bbox[2:]) <= 0:
        return False
    x, y, width, height = (float(number) for number in coco_mask.toBbox(coco_mask.merge(encoded)))
    ours, theirs = (x, y, x + width, y + height), (*bbox[:2], bbox[0] + bbox[2], bbox[1] + bbox[3])
    if max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) <= 2:
        return False
    across = min(ours[2], theirs[2]) - max(ours[0], theirs[0])
    down = min(ours[3], theirs[3]) - max(ours[1], theirs[1])
    common = max(0.0, across) * max(0.0, down)
    return bool(common < 0.5 * (width * height + bbox[2] * bbox[3] - common))


def _polygon(numbers: Any) -> NDArray[np.float64]:
    try:
        polygon = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("a polygon holds something that is not a number") from None
    if polygon.ndim != 1:
        raise ValueError("a polygon is not a flat list of numbers")
    if not (np.abs(polygon) < _FARTHEST).all():
        raise ValueError("a polygon has a corner that is not a number, or lies far outside the picture")
    return polygon


def _encode_run_lengths(segmentation: dict[str, Any], size: Size) -> dict[str, Any]:
    counts = segmentation.get("counts")
    if segmentation.get("size") != list(size):
        raise ValueError(
            f"its run lengths are for size {segmentation.get('size')}, the picture has {list(size)}"
        )
    try:
        runs = counts if isinstance(counts, list) else _decompress(str(counts))
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
            more = bool(bits & 32)
        if bits & 16:
            number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
    return runs
