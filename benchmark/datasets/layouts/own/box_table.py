"""Reads boxes from a table of one's own: a CSV file with a line for each box."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .....base import RaybenchError, Size, UnknownNameError, quoted
from .....checkpoints import ClassList
from ...files import read_text
from ..boxes import WrittenBox, plain_number

CORNERS = ("x0", "y0", "x1", "y1")
SIDES = ("x0", "y0", "width", "height")
_EXPECTED = f"expected image,class,{','.join(CORNERS)} or image,class,{','.join(SIDES)}"
_FROM_ONE = {"xmin", "ymin", "xmax", "ymax"}


class OwnBox(NamedTuple):
    """One box: its picture as it is written, its class, where it stands, and the picture's size if known."""

    picture: str
    class_index: int
    box: WrittenBox
    place: str
    size: Size | None = None


def read_box_table(path: Path, classes: ClassList, numbers: Sequence[int]) -> list[OwnBox]:
    """Read a table with a header: `image,class,x0,y0,x1,y1`, or `width,height` in place of `x1,y1`.

    Pixels count from 0 and the last one, (x1, y1), is inside: x1 = x0 + width - 1. Columns may stand in any
    order; commas, semicolons and tabs are understood. A class is given by its id, its label or its index.

    Args:
        path: of the table.
        classes: of the dataset.
        numbers: the class that each number in the table stands for.

    Raises:
        RaybenchError: the file cannot be read, its header is another, or a line is not of its form; names the
            file, the line and what was expected.
    """
    header, rows = read_rows(path)
    sides = box_columns(header, path)
    boxes = []
    for number, fields in rows:
        place = f"{path}, line {number}"
        if len(fields) != len(header):
            raise RaybenchError(f"{place}: expected {len(header)} values ({','.join(header)}), not {fields}")
        row = dict(zip(header, (field.strip() for field in fields), strict=True))
        if not row["image"]:
            raise RaybenchError(f"{place}: the column 'image' is empty; expected the name of a picture")
        box = _box([_number(row, side, place) for side in sides], sides, place)
        boxes.append(OwnBox(row["image"], _class_index(row["class"], classes, numbers, place), box, place))
    if not boxes:
        raise RaybenchError(f"{path} holds no box below its header")
    return boxes


def read_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Read a table of any columns: the names in its header, in lower case, and the lines with their numbers.

    Raises:
        RaybenchError: the file cannot be read, or is empty.
    """
    lines = read_text(path).splitlines()
    if not any(line.strip() for line in lines):
        raise RaybenchError(f"{path} is empty; {_EXPECTED} in its first line")
    delimiter = next((mark for mark in "\t;," if mark in lines[0]), ",")
    header = [name.strip().lower() for name in next(csv.reader(lines[:1], delimiter=delimiter), [])]
    return header, _rows(lines, delimiter)


def box_columns(header: list[str], path: Path) -> tuple[str, ...]:
    """Return the four columns of a box; refuse a header that leaves open what its numbers are.

    Raises:
        RaybenchError: it is no header of a table of boxes.
    """
    for name in header:
        if header.count(name) > 1:
            raise RaybenchError(f"{path}, line 1: the column {name!r} is there twice; remove one")
    if _FROM_ONE.issubset(header):
        others = [quoted(name) for name in header if name not in _FROM_ONE]
        alone = f"; beside them expected image,class alone, not {', '.join(others)}"
        raise RaybenchError(
            f"{path}, line 1: xmin,ymin,xmax,ymax count from 1 in some files and from 0 in others: "
            f"subtract 1 if the first pixel is 1 there, and call them {','.join(CORNERS)}"
            f"{alone if set(header) != {'image', 'class', *_FROM_ONE} else ''}"
        )
    if header[:2] == ["imageid", "predictionstring"]:
        raise RaybenchError(
            f"{path} is a list of Kaggle's ImageNet challenge; write dataset: imagenet to read it"
        )
    for sides in (CORNERS, SIDES):
        if set(header) == {"image", "class", *sides}:
            return sides
    known = {*CORNERS} if set(CORNERS) <= set(header) else {*CORNERS, *SIDES}
    strange = sorted(set(header) - {"image", "class"} - known)
    wrong = f"it has {', '.join(map(quoted, strange[:5]))}" if strange else f"it is {','.join(header)}"
    raise RaybenchError(f"{path}, line 1: {_EXPECTED} as the header; {wrong}")


def _rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=delimiter)
    next(reader)
    for fields in reader:
        if any(field.strip() for field in fields):
            yield reader.line_num, fields


def _number(row: Mapping[str, str], side: str, place: str) -> float:
    number = plain_number(row[side])
    if not math.isfinite(number):
        raise RaybenchError(f"{place}: {side} is {quoted(row[side])}; expected a number of pixels")
    return number


def _box(numbers: list[float], sides: tuple[str, ...], place: str) -> WrittenBox:
    """Return a box as ILSVRC writes it, which counts from 1."""
    x, y, right, bottom = numbers
    if sides == SIDES:
        if right <= 0 or bottom <= 0:
            raise RaybenchError(f"{place}: width and height are {right:g} and {bottom:g}; expected above 0")
        right, bottom = x + right - 1, y + bottom - 1
    elif right < x or bottom < y:
        raise RaybenchError(
            f"{place}: the box ends before it starts: x {x:g} to {right:g}, y {y:g} to {bottom:g}"
        )
    if all(0 <= number <= 1 for number in numbers) and any(number % 1 for number in numbers):
        raise RaybenchError(f"{place}: the box is in shares of the picture, from 0 to 1; expected pixels")
    return WrittenBox(x + 1, y + 1, right + 1, bottom + 1)


def _class_index(name: str, classes: ClassList, numbers: Sequence[int], place: str) -> int:
    if name in classes.index_of or not name.isdecimal():
        return index_named(name, classes, place)
    if int(name) >= len(numbers):
        raise RaybenchError(
            f"{place}: there is no class {name}; they are numbered from 0 to {len(numbers) - 1}"
        )
    return numbers[int(name)]


def index_named(name: str, classes: ClassList, place: str) -> int:
    """Return the index of the class that an annotation at `place` names; raise `RaybenchError` if none is."""
    try:
        return classes.named(name)
    except UnknownNameError as error:
        raise error.at(place) from None
    except RaybenchError as error:
        raise RaybenchError(f"{place}: {error}") from None
