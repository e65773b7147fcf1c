"""Reads the box files of clovaai/wsolevaluation: three texts with a class, a size and boxes per picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .....base import RaybenchError
from ...files import first_repeated, read_text

COLUMNS = {
    "class_labels.txt": "file,class index",
    "image_sizes.txt": "file,width,height",
    "localization.txt": "file,xmin,ymin,xmax,ymax",
}
"""What a line of each file holds."""


class WsolBoxes(NamedTuple):
    """The content of the three files.

    Attributes:
        ids: of the images: file names without folder and extension.
        class_indices: int64 (N,), in the order of `ids`.
        sizes: int64 (N, 2), width and height, as written, in the order of `ids`.
        boxed: id of the image of each box.
        boxes: int64 (M, 4), xmin, ymin, xmax and ymax, as written.
    """

    ids: list[str]
    class_indices: NDArray[np.int64]
    sizes: NDArray[np.int64]
    boxed: list[str]
    boxes: NDArray[np.int64]


def read_wsol_boxes(root: Path) -> WsolBoxes:
    """Read the three files in a folder.

    Raises:
        RaybenchError: a line is not of its form, an image is there twice or in one file alone; names file and
            line.
    """
    (ids, labels), (sized, sizes), (boxed, boxes) = (_read_rows(root / name) for name in COLUMNS)
    for name, names in (("class_labels.txt", ids), ("image_sizes.txt", sized)):
        twice = first_repeated(names)
        if twice is not None:
            raise RaybenchError(f"{root / name} names {twice!r} twice; remove one of the lines")
    lone = set(ids) ^ set(sized)
    if lone:
        raise RaybenchError(
            f"{root}: class_labels.txt and image_sizes.txt do not name the same images: {min(lone)!r} is in "
            "one of them alone"
        )
    strangers = set(boxed) - set(ids)
    if strangers:
        raise RaybenchError(f"{root / 'localization.txt'} names {min(strangers)!r}, which has no class label")
    place = {image_id: position for position, image_id in enumerate(sized)}
    return WsolBoxes(ids, labels[:, 0], sizes[[place[image_id] for image_id in ids]], boxed, boxes)


def _read_rows(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read lines of a file name and whole numbers: image ids, and an int64 array with one row per line.

    One regular expression for the whole file: ten times as fast as a loop over its lines.
    """
    columns = COLUMNS[path.name]
    row = r"(?:.*[/\\])?([^/\\,\n]+?)(?:\.\w+)?" + r",([0-9]{1,9})" * columns.count(",") + r"[ \r]*"
    text = read_text(path)
    rows = re.findall(f"^{row}$", text, flags=re.MULTILINE)
    if not rows or len(rows) < sum(not line.isspace() for line in text.splitlines() if line):
        bad = (
            pair
            for pair in enumerate(text.splitlines(), 1)
            if pair[1].strip() and not re.fullmatch(row, pair[1])
        )
        number, line = next(bad, (1, ""))
        raise RaybenchError(f"{path}, line {number}: expected {columns}, not {line[:80]!r}")
    return [row[0] for row in rows], np.array([row[1:] for row in rows]).astype(np.int64)
