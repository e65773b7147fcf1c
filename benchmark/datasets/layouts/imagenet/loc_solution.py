"""Reads the boxes of Kaggle's ImageNet challenge: `LOC_val_solution.csv`."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from .....base import RaybenchError, quoted
from ...files import read_text
from ..boxes import WrittenBox, plain_number
from ..voc_xml import AnnotatedObject, Annotation

HEADER = ["ImageId", "PredictionString"]


def read_loc_solution(path: Path) -> dict[str, Annotation]:
    """Read the objects of each picture, by its id; the file gives no sizes.

    A line is `ImageId,PredictionString`; the latter holds groups `synset x1 y1 x2 y2`, with the numbers of
    ILSVRC's XML, which count from 1 and include both ends.

    Raises:
        RaybenchError: the file cannot be read, has another header, or a line is not of its form; names it.
    """
    lines = read_text(path).splitlines()
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    if header != HEADER:
        raise RaybenchError(f"{path}, line 1: expected {','.join(HEADER)}, not {','.join(header)[:80]!r}")
    found: dict[str, Annotation] = {}
    for row in reader:
        place = f"{path}, line {reader.line_num}"
        if not any(field.strip() for field in row):
            continue
        if len(row) != len(HEADER) or not row[0].strip():
            raise RaybenchError(f"{place}: expected {','.join(HEADER)}, not {quoted(','.join(row))}")
        image_id = row[0].strip()
        if image_id in found:
            raise RaybenchError(f"{place}: the picture {image_id!r} is there twice; remove one of the lines")
        found[image_id] = Annotation(None, _objects(row[1].split(), place))
    if not found:
        raise RaybenchError(f"{path} names no picture below its header")
    return found


def _objects(words: list[str], place: str) -> tuple[AnnotatedObject, ...]:
    if not words or len(words) % 5:
        raise RaybenchError(f"{place}: expected groups of a synset and four numbers, not {len(words)} words")
    groups = [words[start : start + 5] for start in range(0, len(words), 5)]
    return tuple(
        AnnotatedObject(name, WrittenBox(*(_number(one, place) for one in corners)))
        for name, *corners in groups
    )


def _number(word: str, place: str) -> float:
    number = plain_number(word)
    if not math.isfinite(number):
        raise RaybenchError(f"{place}: {quoted(word)} is no number of pixels")
    return number
