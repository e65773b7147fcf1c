"""Finds the folder of a year of VOC, and reads its lists of images in `ImageSets/Main`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ....base import RaybenchError, nearest, quoted
from ..files import subfolders
from ..sample import LayoutError
from ..selection import id_of

_MOST_LOOKED_INTO = 50  # folders of a folder

EVERY = "all"
"""The split of all pictures, where no list has this name."""

_MARKS = {"1": "1", "+1": "1", "0": "0", "-1": "-1"}


def find_year(root: Path, split: str, year: int) -> Path:
    """Find the folder of one year, which holds JPEGImages and Annotations, in a folder or below it.

    Raises:
        LayoutError: there is none.
        RaybenchError: there are several, and neither `year` nor `split` tells which is meant.
    """
    found = [root] if _is_year(root) else list(_years_below(root))
    if not found:
        raise LayoutError(
            f"no VOC pictures in {root}: looked for JPEGImages/ and Annotations/ there, "
            "in VOC2007/ and the like, and in VOCdevkit/VOC2007/ and the like"
        )
    chosen = [folder for folder in found if not year or str(year) in str(folder.relative_to(root.parent))]
    if not chosen:
        names = " and ".join(str(folder.relative_to(root)) for folder in found)
        raise RaybenchError(f"{root} holds no pictures of {year}, but {names}")
    if len(chosen) > 1 and split not in ("", EVERY):
        listing = [one for one in chosen if (one / "ImageSets" / "Main" / f"{split}.txt").is_file()]
        chosen = listing or chosen
    if len(chosen) > 1:
        names = " and ".join(str(folder.relative_to(root)) for folder in chosen)
        years = sorted(set(re.findall(r"20\d\d", names)))
        way = f"write dataset: {{..., year: {years[0]}}}" if len(years) > 1 else "give one of them"
        raise RaybenchError(f"{root} holds {names}; {way}, or the folder of one year, such as {chosen[0]}")
    return chosen[0]


def _is_year(folder: Path) -> bool:
    return (folder / "JPEGImages").is_dir() and (folder / "Annotations").is_dir()


def _years_below(root: Path, depth: int = 3) -> Iterator[Path]:
    for name in subfolders(root)[:_MOST_LOOKED_INTO] if depth else ():
        if _is_year(root / name):
            yield root / name
        else:
            yield from _years_below(root / name, depth - 1)


def read_split(lists: Path, split: str, available: Collection[str]) -> list[str]:
    """Read the image ids of a split: an id, file name or path on each line.

    A list of one class, such as `dog_test`, marks each picture by 1 (shown), -1 (not shown) or 0 (difficult):
    those marked 1 are the split.

    Args:
        lists: the folder `ImageSets/Main`.
        split: name of the list.
        available: ids of the images that there are; they may hold blanks.

    Raises:
        RaybenchError: there is no such list, or a line is not of this form; names it.
    """
    path = lists / f"{split}.txt"
    if split == EVERY and not path.is_file():
        return list(available)
    marks: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        image_id, mark = _entry(line.strip(), available, f"{path}, line {number}")
        if not image_id:
            continue
        if image_id in marks:
            raise RaybenchError(f"{path}, line {number}: the picture {image_id!r} is named twice; remove one")
        if bool(mark) != bool(next(iter(marks.values()), mark)):
            raise RaybenchError(
                f"{path}, line {number}: some lines have a mark (1, 0 or -1) and some have none; expected a "
                f"list of ids, or a mark for each; not {quoted(line.strip())}"
            )
        marks[image_id] = mark
    chosen = [image_id for image_id, mark in marks.items() if mark in ("", "1")]
    if not chosen:
        raise RaybenchError(f"the split {path} names no picture; expected one image id per line")
    return chosen


def refuse_unchosen_split(lists: Path, available: Collection[str]) -> None:
    """Refuse to measure all pictures of a year whose lists divide them, unless that was asked for.

    Raises:
        RaybenchError: a list names some of the pictures.
    """
    names = [
        path.stem for path in sorted(lists.glob("*.txt")) if "_" not in path.stem
    ]  # not those of a class
    if any(len(read_split(lists, name, available)) < len(available) for name in names):
        raise RaybenchError(
            f"{lists.parent.parent} holds the splits {', '.join(names)}, and none was chosen: give one as "
            f"the option split, or {EVERY!r} for every picture"
        )


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RaybenchError(f"the split {path} is not UTF-8 text: {error.reason}") from None
    except OSError:
        known = [entry.stem for entry in sorted(path.parent.glob("*.txt"))]
        hint = nearest(path.stem, known) or ", ".join(known[:8])
        there = f"there is {hint}" if hint else f"there is no list; {EVERY!r} takes every picture"
        raise RaybenchError(f"cannot read the split {path}; {there}") from None


def _entry(line: str, available: Collection[str], place: str) -> tuple[str, str]:
    """Return the id in a line and its mark, both empty where there is none."""
    if id_of(line) in available:
        return id_of(line), ""
    words = line.split()
    if len(words) > 2 or (len(words) == 2 and words[1] not in _MARKS):
        raise RaybenchError(
            f"{place}: expected an image id, and for a list of one class 1, 0 or -1; not {quoted(line)}"
        )
    return id_of(words[0]) if words else "", _MARKS[words[1]] if len(words) == 2 else ""
