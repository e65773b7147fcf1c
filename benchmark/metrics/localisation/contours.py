"""Boxes around what lies above each of 255 thresholds on a map, to be compared with true boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ....base import Box
from ..batch import SaliencyBatch

LEVELS = 255
"""Thresholds on a map of bytes: more tell no other foregrounds apart."""

Which = Literal["all", "largest"]
"""Boxes of all contours, those of holes included, or that of the largest component with its holes filled."""

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Boxes = NDArray[np.int64]
"""(n, 4): x0, y0, x1, y1 in pixels of the square map; both corners are read as inside."""

_MANY = 200
"""Parts from which on SciPy finds their corners slowly."""
_EIGHT = np.ones((3, 3), dtype=np.bool_)
_NONE: Boxes = np.zeros((1, 4), dtype=np.int64)


def resized(batch: SaliencyBatch, side: int) -> Tensor:
    """Resize maps bilinearly to squares: (N, side, side) float32."""
    maps = batch.saliency[:, None]
    return F.interpolate(maps, (side, side), mode="bilinear", align_corners=False)[:, 0]


def in_bytes(maps: Tensor) -> Bytes:
    """Scale each map (N, h, w) to 0 … 255, a constant one to 0, and cut fractions off."""
    low, high = maps.amin(dim=(1, 2), keepdim=True).double(), maps.amax(dim=(1, 2), keepdim=True).double()
    scaled = (maps - low) / (high - low).clamp_min(1e-300)
    found: Bytes = (255 * scaled).floor().byte().cpu().numpy()
    return found


def true_boxes(batch: SaliencyBatch, row: int, side: int) -> Boxes:
    """Return the boxes of a query's objects in a square of `side`: as written, from 1, cut to integers.

    Objects whose boxes are not known are the connected parts of the mask.
    """
    height, width = batch.mask.shape[1:]
    boxes: Sequence[Box] = batch.boxes[row] if batch.boxes else ()
    corners = np.array(boxes, dtype=np.int64).reshape(-1, 4)
    if not len(corners):
        parts, _ = ndimage.label(batch.mask[row].cpu().numpy(), _EIGHT)
        corners = _corners(parts) - np.array([0, 0, 1, 1])
    found: Boxes = (corners + 1) * side // np.array([width, height, width, height])
    return found


def best_overlaps(levels: Bytes, truth: Boxes, which: Which) -> Floats:
    """Return the largest overlap of any true box with any box above each level from 0 to 254: (255,).

    Args:
        levels: (h, h) a map of bytes.
        truth: (T, 4) boxes.
        which: boxes to look at.
    """
    hill = _boxes_of_hill(levels)
    if hill is not None:
        found: Floats = overlaps_of(hill, truth).max(axis=1, initial=0)
        return found
    steps, euler = np.bincount(levels.ravel(), minlength=256), _euler_numbers(levels)
    best = np.zeros(LEVELS)
    for level in range(LEVELS):
        if level and not steps[level]:  # nothing is left out that was not left out before
            best[level] = best[level - 1]
            continue
        boxes = boxes_above(levels > level, which, euler=int(euler[level]))
        best[level] = overlaps_of(boxes, truth).max(initial=0)
    return best


def boxes_above(foreground: Bools, which: Which, *, euler: int | None = None) -> Boxes:
    """Return the boxes of a foreground's contours; one at the origin where there is no foreground.

    Components touch by sides or corners; a hole is a part of the background that touches by sides, and does
    not reach the border. Its contour runs on the pixels around it. The far corners lie behind the last pixel,
    but within the map.

    Args:
        foreground: (h, w).
        which: all boxes, or one.
        euler: components less holes, if known.
    """
    last = np.array(foreground.shape)[[1, 0, 1, 0]] - 1
    parts, count = ndimage.label(foreground, _EIGHT)
    if not count:
        return _NONE
    holed = euler is None or count > euler
    if which == "largest" and count > 1:
        if holed:
            parts, count = ndimage.label(~_reaches_border(~foreground), _EIGHT)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        sizes[0] = 0
        parts = (parts == sizes.argmax()).astype(np.int32)
    boxes = _corners(parts)
    if which == "all" and holed:
        holes, _ = ndimage.label(~foreground & ~_reaches_border(~foreground))
        around = _corners(holes) + np.array([-1, -1, 1, 1])
        boxes = np.concatenate([boxes, around])
    found: Boxes = np.minimum(boxes, last)
    return found


def _reaches_border(background: Bools) -> Bools:
    """Parts of a background (h, w), connected by sides, that reach its border."""
    parts, _ = ndimage.label(background)
    edges = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    reached = np.zeros(parts.max() + 1, dtype=np.bool_)
    reached[edges] = True
    reached[0] = False
    return reached[parts]


def _corners(parts: NDArray[np.signedinteger[Any]]) -> Boxes:
    """Corners of the parts that are labelled from 1 on (h, w): the far ones lie behind the last pixel."""
    count = int(parts.max(initial=0))
    if count < _MANY:
        slices = [(x.start, y.start, x.stop, y.stop) for y, x in filter(None, ndimage.find_objects(parts))]
        return np.array(slices, dtype=np.int64).reshape(-1, 4)
    found: Boxes = np.empty((count + 1, 4), dtype=np.int64)
    for axis, labels in enumerate((parts.T, parts)):
        flat = np.ascontiguousarray(labels).ravel()
        (inside,) = flat.nonzero()
        part, place = flat[inside], inside // labels.shape[1]
        # of places that are written to twice the last stays: from behind the first one
        found[part[::-1], axis] = place[::-1]
        found[part, axis + 2] = place + 1
    return found[1:]


def overlaps_of(boxes: Boxes, truth: Boxes) -> Floats:
    """Intersection over union of boxes (n, 4) and true boxes (T, 4): (n, T)."""
    low = np.maximum(boxes[:, None, :2], truth[:, :2])
    high = np.minimum(boxes[:, None, 2:], truth[:, 2:])
    common = (high - low + 1).clip(0).prod(axis=2)
    either = _areas(boxes)[:, None] + _areas(truth) - common
    found: Floats = common / either
    return found


def _areas(boxes: Boxes) -> Boxes:
    areas: Boxes = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    return areas


def _euler_numbers(levels: Bytes) -> Boxes:
    """Components less holes of the foreground above each level from 0 to 254: (255,).

    Pixels less the sides plus the corners that they have, each counted once; it is there where any pixel at
    it is.
    """
    wide = np.pad(levels, 1)
    across, down = np.maximum(wide[:, 1:], wide[:, :-1]), np.maximum(wide[1:], wide[:-1])
    corners = np.maximum(down[:, 1:], down[:, :-1])
    signed = _histogram(levels) - _histogram(across[1:-1]) - _histogram(down[:, 1:-1]) + _histogram(corners)
    found: Boxes = signed[::-1].cumsum()[::-1][1:]
    return found


def _histogram(values: Bytes) -> Boxes:
    return np.bincount(values.ravel(), minlength=256).astype(np.int64)


def _boxes_of_hill(levels: Bytes) -> Boxes | None:
    """Boxes (255, 4) above all levels at once if every foreground is one component without holes, else None.

    That is sure where each row rises to one peak and falls, the peaks of the rows do so too, and of two
    neighbouring rows the higher one reaches the other's peak at a pixel that touches it.
    """
    rows, columns = levels.max(axis=1), levels.max(axis=0)
    if not (_has_one_peak(levels).all() and _has_one_peak(rows[None]).all()):
        return None
    wide = np.pad(levels, ((0, 0), (1, 1)))
    around = np.maximum(np.maximum(wide[:, :-2], wide[:, 1:-1]), wide[:, 2:])
    peaks, lower = np.minimum(rows[1:], rows[:-1])[:, None], (rows[1:] <= rows[:-1])[:, None]
    touching = np.where(
        lower,
        (levels[1:] == peaks) & (around[:-1] >= peaks),
        (levels[:-1] == peaks) & (around[1:] >= peaks),
    )
    if not touching.any(axis=1).all():
        return None
    sides = [_extent(columns), _extent(rows)]
    boxes = np.stack([sides[0][0], sides[1][0], sides[0][1], sides[1][1]], axis=1)
    last = np.array(levels.shape)[[1, 0, 1, 0]] - 1
    return np.where((np.arange(LEVELS) < levels.max())[:, None], np.minimum(boxes, last), 0)


def _has_one_peak(rows: Bytes) -> Bools:
    """Whether each row (n, w) never rises again once it has fallen."""
    steps = np.diff(rows.astype(np.int16), axis=1)
    fallen = np.logical_or.accumulate(steps < 0, axis=1)
    found: Bools = np.logical_not((fallen & (steps > 0)).any(axis=1))
    return found


def _extent(peaks: Bytes) -> tuple[Boxes, Boxes]:
    """First place above each level, and the one behind the last: (255,) each."""
    above = peaks > np.arange(LEVELS)[:, None]
    return above.argmax(axis=1), len(peaks) - above[:, ::-1].argmax(axis=1)
